"""What browsers are sent: whose it is, how heavy it is, and whether its colours can be read."""

import gzip
import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"
SHEET = (STATIC / "app.css").read_text(encoding="utf-8")
VENDORED = tomllib.loads((STATIC / "vendor" / "vendor.toml").read_text())["file"]


def weight(*files: Path) -> int:
    """Kilobytes after gzip, as a browser receives them."""
    return sum(len(gzip.compress(f.read_bytes(), 9)) for f in files) // 1024


@pytest.mark.parametrize("entry", VENDORED, ids=[e["path"] for e in VENDORED])
def test_a_vendored_file_is_the_one_that_was_taken_in(entry: dict[str, str]) -> None:
    assert hashlib.sha256((ROOT / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["package"].startswith("npm:")
    assert entry["version"]
    assert (ROOT / entry["licence_file"]).stat().st_size > 200


def test_every_vendored_file_is_listed() -> None:
    listed = {e["path"] for e in VENDORED} | {e["licence_file"] for e in VENDORED}
    found = [*(STATIC / "vendor").iterdir(), *(STATIC / "fonts").iterdir()]
    names = {str(f.relative_to(ROOT)) for f in found if f.suffix != ".toml"}
    assert len(names) >= 4
    assert names - listed == set()


def test_the_weight_budget() -> None:
    """Kilobytes: the sheet, what every page loads of our own scripts, and what others wrote."""
    base = (ROOT / "templates" / "base.html").read_text(encoding="utf-8")
    everywhere = [
        STATIC / name for name in re.findall(r"{% static '((?:js/)?[a-z]+\.js)' %}", base)
    ]
    assert len(everywhere) >= 5
    assert weight(STATIC / "app.css") <= 12
    assert weight(*everywhere) <= 6
    passkeys = STATIC / "js" / "webauthn.js"  # on the pages of one's own account only
    assert weight(passkeys) <= 1
    pages = [f for f in (STATIC / "js").glob("*.js") if f != passkeys]
    own = b"".join(f.read_bytes() for f in [STATIC / "app.js", *pages])
    # All of it, as one text. Six were planned for the pages of figures; drag and drop, capture
    # from anywhere and edits in place came with the sales floor. No page loads all of it.
    assert len(gzip.compress(own, 9)) <= 7 * 1024
    assert weight(*(STATIC / "vendor").glob("*.js")) <= 30


def test_the_sheet_has_no_ids_and_asks_nobody_else() -> None:
    assert "http" not in SHEET
    assert "@import" not in SHEET
    assert not re.search(r"#[a-zA-Z][\w-]*[^;{}()]*\{", SHEET)


def _tokens() -> dict[str, tuple[str, str]]:
    """name -> (light, dark) of the colours that are given as hexadecimal pairs."""
    pair = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
    return {m[1]: (m[2], m[3]) for m in pair.finditer(SHEET)}


def _luminance(colour: str) -> float:
    def channel(text: str) -> float:
        value = int(text, 16) / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (channel(colour[i : i + 2]) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *((t, s) for t in ("ink", "ink-2", "ink-3", "accent") for s in ("canvas", "surface", "sunken")),
    *((t, s) for t in ("better", "danger", "watch") for s in ("surface", f"{t}-soft")),
    ("accent", "accent-soft"),
    ("on-flag", "flag"),
]
MARKS = [
    (m, "surface") for m in ("better-mark", "danger-mark", "watch-mark", "c1", "c4", "control")
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(text: str, ground: str, theme: int) -> None:
    tokens = _tokens()
    assert contrast(tokens[text][theme], tokens[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), MARKS)
def test_marks_can_be_seen(mark: str, ground: str, theme: int) -> None:
    tokens = _tokens()
    assert contrast(tokens[mark][theme], tokens[ground][theme]) >= 3.0


def test_white_on_the_primary_button_can_be_read() -> None:
    for colour in (*_tokens()["accent-solid"],):
        assert contrast("#ffffff", colour) >= 4.5


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([a-z0-9-]+)"', (STATIC / "icons.svg").read_text()))
    named = set()
    for file in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r'{% icon "([a-z0-9-]+)"', file.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named - sprite == set()


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    folder = ROOT / "locale" / "fr" / "LC_MESSAGES"
    with (folder / "django.po").open("rb") as po, (folder / "django.mo").open("rb") as mo:
        source, compiled = read_po(po, locale="fr"), read_mo(mo)
    assert len(source) > 200
    for message in source:
        if message.id:
            # Babel reads the context of a compiled message as bytes.
            context = message.context.encode() if message.context else None
            found = compiled.get(message.id, context).string
            plural = isinstance(message.string, tuple)
            assert (tuple(found) if plural else found) == message.string, message.id


def test_every_french_sentence_keeps_its_figures() -> None:
    """The same {names} and %(names)s on both sides, in every plural form."""
    with (ROOT / "locale" / "fr" / "LC_MESSAGES" / "django.po").open("rb") as po:
        catalogue = read_po(po, locale="fr")
    holes = re.compile(r"{[a-z_]+}|%\([a-z_]+\)s")
    for message in catalogue:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), f"not translated: {ids[0]}"
        assert "fuzzy" not in message.flags
        for string in strings:
            assert set(holes.findall(string)) == set(holes.findall(ids[-1])), ids[-1]
