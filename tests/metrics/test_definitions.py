"""docs/metrics.md as a page: safe, whole, and reachable from every figure."""

import re
from pathlib import Path

import pytest

from metrics.selectors.definitions import definitions_text, render

ROOT = Path(__file__).parents[2]


def test_headings_keep_their_fixed_anchor() -> None:
    found = render(
        "# Title\n\n## Win rate, W {#win-rate}\n\nWon ÷ closed.\n\n### More {#more}\n\nx"
    )
    assert found.headings == (("win-rate", "Win rate, W"),)
    assert '<h2 id="win-rate">Win rate, W' in found.html
    assert '<h3 id="more">' in found.html
    assert "<p>Won ÷ closed.</p>" in found.html
    assert "Title" not in found.html


def test_lists_tables_bold_code_and_links() -> None:
    found = render("- a **b**\n- `c`\n\n| x | y |\n|---|---|\n| 1 | [v](#velocity) |").html
    assert "<ul><li>a <strong>b</strong></li><li><code>c</code></li></ul>" in found
    assert '<th scope="col">x</th>' in found
    assert '<td><a href="#velocity">v</a></td>' in found


@pytest.mark.parametrize(
    "hostile", ["<script>x</script>", "[x](javascript:alert)", "**<b>**", "a & b", '"quoted"']
)
def test_nothing_but_the_small_part_of_markdown_is_understood(hostile: str) -> None:
    found = render(hostile).html
    assert not re.search(r"<(?!/?(p|strong|code|ul|li)\b)", found)
    assert "href" not in found


def test_a_heading_without_an_anchor_is_refused() -> None:
    with pytest.raises(ValueError, match="without an anchor"):
        render("## Nameless")


def test_our_own_text_renders_and_its_anchors_are_unique() -> None:
    found = definitions_text()
    anchors = re.findall(r' id="([^"]+)"', found.html)
    assert len(anchors) == len(set(anchors)) > 30
    for target in re.findall(r'href="#([^"]+)"', found.html):
        assert target in anchors


def test_every_anchor_that_pages_name_exists() -> None:
    anchors = set(re.findall(r' id="([^"]+)"', definitions_text().html))
    named = set()
    for file in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r"definitions_url }}#([a-z-]+)", file.read_text()))
    for name in ("levers", "stock", "stage_block"):
        source = (ROOT / "metrics" / "selectors" / f"{name}.py").read_text()
        named |= set(
            re.findall(
                r'^\s+"([a-z]+(?:-[a-z]+)+|velocity|cycle|counts|usual|change)",$', source, re.M
            )
        )
    assert len(named) > 15
    assert named - anchors == set()
