"""Every chart in every awkward state, compared as text with the drawing that was looked at.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/charts, and look at the files in a browser.
"""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from metrics.charts import svg_file
from tests.charts.specimens import HOSTILE, specimens

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(specimens())


@pytest.mark.parametrize("name", NAMES)
def test_the_drawings_are_those_that_were_looked_at(name: str) -> None:
    drawn = "\n".join(f"<!-- {size} -->\n{svg}" for size, svg in specimens()[name].drawings) + "\n"
    file = GOLDEN / f"{name}.svg.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")
    assert drawn == file.read_text(encoding="utf-8")


def test_no_golden_file_is_stale() -> None:
    assert sorted(f.name.removesuffix(".svg.txt") for f in GOLDEN.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_drawings_are_well_formed_and_carry_no_style_or_script(name: str) -> None:
    for _size, drawing in specimens()[name].drawings:
        root = ElementTree.fromstring(drawing)
        for element in root.iter():
            assert element.tag.rpartition("}")[2] not in {"script", "style", "foreignObject", "a"}
            for attribute in element.attrib:
                assert attribute != "style"
                assert not attribute.startswith("on")


@pytest.mark.parametrize("name", NAMES)
def test_every_coordinate_is_a_number_within_reach(name: str) -> None:
    """No NaN, no infinity, nothing far outside the drawing, whatever the values were."""
    for _size, drawing in specimens()[name].drawings:
        root = ElementTree.fromstring(drawing)
        for element in root.iter():
            words = {"class", "aria-label", "data-tip", "role", "fill", "text-anchor", "id"}
            for key in element.attrib.keys() - words:
                assert "nan" not in element.attrib[key].lower(), key
                assert "inf" not in element.attrib[key].lower(), key
        width = float(root.attrib["viewBox"].split()[2])
        for element in root.iter():
            for key in ("x", "x1", "x2", "cx"):
                if key in element.attrib:
                    assert -60 <= float(element.attrib[key]) <= width + 60


def test_three_widths_or_none() -> None:
    for name, chart in specimens().items():
        sizes = [size for size, _ in chart.drawings]
        assert sizes in (["s", "m", "l"], []), name


@pytest.mark.parametrize(
    "name",
    [
        "line-empty",
        "line-none",
        "funnel-empty",
        "bars-empty",
        "step-empty",
        "histogram-empty",
        "histogram-zero",
    ],
)
def test_without_data_there_is_no_drawing_and_no_file(name: str) -> None:
    chart = specimens()[name]
    assert chart.drawings == ()
    assert svg_file(chart, caption="") is None


@pytest.mark.parametrize("name", ["line-hostile", "waterfall-hostile", "funnel-long", "bars-long"])
def test_labels_are_escaped_and_whole_in_the_tip(name: str) -> None:
    drawing = dict(specimens()[name].drawings)["l"]
    assert "<script" not in drawing
    assert "\x00" not in drawing
    file = svg_file(specimens()[name], caption=HOSTILE)
    assert file is not None
    ElementTree.fromstring(file.encode())


def test_a_focused_chart_is_an_image_with_a_sentence() -> None:
    root = ElementTree.fromstring(dict(specimens()["line"].drawings)["m"])
    assert root.attrib["role"] == "img"
    assert root.attrib["tabindex"] == "0"
    assert root.attrib["aria-label"] == "Velocity. It rises."


def test_every_datum_has_its_tip() -> None:
    for name, count in {
        "line": 8,
        "line-gap-band-running": 4,
        "waterfall": 6,
        "funnel": 4,
        "bars": 2,
    }.items():
        drawing = dict(specimens()[name].drawings)["s"]
        assert len(re.findall("data-tip=", drawing)) == count, name


def test_the_steps_of_a_waterfall_meet() -> None:
    """Each bar begins where the one before it ended, and the last meets the total."""
    root = ElementTree.fromstring(dict(specimens()["waterfall"].drawings)["l"])
    rects = [e for e in root.iter("rect") if "bar" in e.attrib["class"]]
    totals = [r for r in rects if r.attrib["class"] == "bar total"]
    parts = [r for r in rects if r not in totals]
    level = float(totals[0].attrib["y"])
    for rect in parts:
        top = float(rect.attrib["y"])
        bottom = top + float(rect.attrib["height"])
        if rect.attrib["class"] == "bar up":
            assert bottom == pytest.approx(level, abs=0.02)
            level = top
        else:
            assert top == pytest.approx(level, abs=0.02)
            level = bottom
    assert float(totals[1].attrib["y"]) == pytest.approx(level, abs=0.02)


def test_a_broken_foot_is_marked_and_an_unbroken_one_starts_at_zero() -> None:
    assert 'class="break"' in dict(specimens()["waterfall"].drawings)["l"]
    unbroken = dict(specimens()["waterfall-unbroken"].drawings)["l"]
    assert 'class="break"' not in unbroken
    root = ElementTree.fromstring(unbroken)
    first, last = (r for r in root.iter("rect") if r.attrib["class"] == "bar total")
    ratio = float(last.attrib["height"]) / float(first.attrib["height"])
    assert ratio == pytest.approx(590 / 100, rel=0.01)
