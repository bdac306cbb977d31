import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from metrics.charts import Chart, Table, csv_file, svg_file
from metrics.charts.export import _RULES
from tests.charts.specimens import specimens


def chart_of(raw: tuple[tuple[str | int | float | None, ...], ...]) -> Chart:
    return Chart("x", "X", "", Table(("a",), (), ("name", "value"), raw), ())


def test_csv_keeps_full_precision_and_leaves_what_is_missing_empty() -> None:
    text = csv_file(chart_of((("2026-Q1", 914.2617642575635), ("2026-Q2", None))))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["name", "value"], ["2026-Q1", "914.2617642575635"], ["2026-Q2", ""]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_csv_text_is_never_a_formula(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_file(chart_of(((text, -5.5),)))))
    assert row == [f"'{text}", "-5.5"]


def test_an_svg_file_stands_alone() -> None:
    file = svg_file(specimens()["funnel"], caption="Acme · All deals · Q3 2026")
    assert file is not None
    root = ElementTree.fromstring(file.encode())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Acme · All deals · Q3 2026" in texts
    assert "var(" not in file
    assert not re.search(r'(href|src)="http', file)


@pytest.mark.parametrize("name", [n for n, c in specimens().items() if c.drawings])
def test_every_class_of_a_drawing_has_a_colour_in_page_and_file(name: str) -> None:
    sheet = (Path(__file__).parents[2] / "static" / "app.css").read_text()
    drawing = dict(specimens()[name].drawings)["l"]
    for classes in set(re.findall(r' class="([^"]+)"', drawing)) - {"l"}:
        for one in classes.split():
            assert re.search(rf"\.{re.escape(one)}\b", sheet), one
            if one != "thin":
                assert re.search(rf"\.{re.escape(one)}\b", _RULES), one
