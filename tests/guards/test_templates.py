"""What no template may hold: the content security policy would refuse it, or a page would judge."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

BANNED = {
    "an inline style": r"\sstyle\s*=",
    "a style element": r"<style",
    "an inline handler": r"\son[a-z]+\s*=\s*[\"']",
    "a javascript address": r"javascript:",
    "an inline script": r"<script(?![^>]*\bsrc=)",
    "htmx that needs eval": (
        r"hx-on\b|hx-vals\s*=\s*[\"']js:|hx-confirm\s*=\s*[\"']js:"
        r"|hx-trigger\s*=\s*[\"'][^\"']*\["
    ),
    "hx-boost": r"hx-boost",
    "something from elsewhere": r"(?:src|href)\s*=\s*[\"'](?:https?:)?//",
    "an em dash in copy": "\N{EM DASH}",
}
# Selectors give a tone, templates print it. Counting what there is to list (|length) is no
# judgement.
CONDITION = re.compile(r"{%\s*(?:el)?if\s([^%]*)%}")
COMPARISON = re.compile(r"(\S+)\s+[<>]=?\s+(\S+)")


def found_in(text: str) -> set[str]:
    found = {name for name, pattern in BANNED.items() if re.search(pattern, text)}
    for condition in CONDITION.findall(text):
        for sides in COMPARISON.findall(condition):
            if not any("|length" in side for side in sides):
                found.add("a comparison of values")
    return found


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: str(f.relative_to(ROOT / "templates")))
def test_a_template_holds_nothing_banned(file: Path) -> None:
    assert found_in(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ('<p style="color:red">', "an inline style"),
        ('<a onclick="x()">', "an inline handler"),
        ("<script>x()</script>", "an inline script"),
        ('<div hx-trigger="click[ctrlKey]">', "htmx that needs eval"),
        ('<button hx-on:click="x()">', "htmx that needs eval"),
        ('<link href="https://cdn.example/x.css">', "something from elsewhere"),
        ("{% if deal.amount > 1000 %}", "a comparison of values"),
        ("{% if a and n <= 3 %}", "a comparison of values"),
    ],
)
def test_the_guard_itself_sees(bad: str, what: str) -> None:
    assert what in found_in(bad)


@pytest.mark.parametrize(
    "good",
    ['{% if places|length > 1 %}',
     '<script src="{% static \'app.js\' %}" defer></script>', '<a href="{{ page_url }}">',
     '{% if chosen_theme == "light" %}', '<p class="note">on = off</p>'],
)  # fmt: skip
def test_the_guard_lets_pass_what_is_right(good: str) -> None:
    assert found_in(good) == set()
