"""Every broken file is refused with a sentence or reported row by row; nothing is a trace."""

import pytest

from pipeline.importers.grid import ImportRefused
from pipeline.importers.rejected import rejected_csv
from pipeline.importers.report import batch_lines, reading_lines
from tests.pipeline.importers.broken_files import Broken, broken_files
from tests.pipeline.importers.reading import batch

FILES = broken_files()


@pytest.mark.parametrize("broken", FILES, ids=lambda broken: broken.name)
def test_a_broken_file_is_refused_or_reported_row_by_row(broken: Broken) -> None:
    if broken.refused:
        with pytest.raises(ImportRefused) as refused:
            batch(broken.data, broken.name)
        assert broken.refused in str(refused.value)
        assert str(refused.value).endswith(".")
        assert "Traceback" not in str(refused.value)
        return
    found = batch(broken.data, broken.name)
    reported = [(row.line, row.reason) for row in found.rejected]
    assert len(reported) == len(broken.rejected), reported
    for (line, reason), (expected_line, words) in zip(reported, broken.rejected, strict=True):
        assert line == expected_line
        assert words in reason
        assert reason.endswith(".")
    assert len(found.deals) == broken.deals
    # the report and the rejected-rows file can be written of anything
    assert "\n".join([*reading_lines(found.files[0]), *batch_lines(found)]).isprintable() is False
    assert rejected_csv(found.files, found.rejected).encode("utf-8")


def test_the_set_is_as_large_as_it_was_meant() -> None:
    assert len(FILES) >= 50
    assert len({broken.name for broken in FILES}) == len(FILES)
