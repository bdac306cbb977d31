"""What is committed names no machine: no one's folders, hosts, or private package indexes."""

import re
import socket
from pathlib import Path

import pytest

from tests.guards.source import ROOT, tracked

TEXT = {".py", ".md", ".txt", ".in", ".toml", ".html", ".css", ".js", ".json", ".csv", ".yml", ""}
# Vendored as they came; minified code holds any text.
SKIPPED = ("static/vendor/", "tests/browser/vendor/")

PATTERNS = {
    "a home folder": re.compile(r"(?<![\w.~}])/(?:home|Users)/(?!<|\{)[\w.-]+/"),
    "root's folder": re.compile(r"(?<![\w.~}/])/root/\w"),
    "a work folder": re.compile(r"(?<![\w.~}/])/(?:work|workspace|builds|mnt)/\w"),
    "a temporary folder": re.compile(r"(?<![\w.~}/])/tmp/\w"),
    "an index of packages": re.compile(r"--(?:extra-)?index-url|--trusted-host|--find-links"),
    "a registry": re.compile(
        r"https?://[^/\s\"']*(?:artifactory|nexus|registry|pypi-|mirror|proxy)[^/\s\"']*"
    ),
    "a private address": re.compile(
        r"\b(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+\b"
    ),
    "a key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}"),
}
# file -> why it may name such a thing
ALLOWED: dict[str, str] = {
    "tests/guards/test_machine_names.py": "the patterns themselves, and planted ones",
    "tests/launch/test_places.py": "a made-up person's folder",
}


def names(text: str) -> list[str]:
    """What in this text belongs to a machine."""
    found = [f"{what}: {m.group(0)}" for what, p in PATTERNS.items() for m in [p.search(text)] if m]
    here = {str(ROOT), str(Path.home())} - {"/", "/root"}
    host = socket.gethostname()
    if len(host) > 5 and host not in {"localhost"}:
        here.add(host)
    return found + [f"this machine: {name}" for name in here if name in text]


def files() -> list[Path]:
    return [
        f
        for f in tracked()
        if f.suffix in TEXT and not f.relative_to(ROOT).as_posix().startswith(SKIPPED)
    ]


def test_no_tracked_file_names_a_machine() -> None:
    checked = files()
    assert len(checked) > 150
    found = {}
    for file in checked:
        said = names(file.read_text(errors="replace"))
        if said:
            found[file.relative_to(ROOT).as_posix()] = said
    assert {f: said for f, said in found.items() if f not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set(), "stale exceptions"


@pytest.mark.parametrize(
    "text",
    [
        "see /home/anna/projects/x",
        "open('/Users/anna/x.csv')",
        "cd /root/x",
        "cd {}work/elsewhere".format("/"),
        "in /tmp/some/x",
        "--{}-url https://example.org/simple".format("index"),
        "https://artifactory.example.org/api/pypi/simple",
        "https://my-registry.example.org/",
        "connect to 10.1.2.3",
        f"built in {ROOT}/x",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_the_guard_sees_a_planted_name(text: str) -> None:
    assert names(text)


@pytest.mark.parametrize(
    "text",
    ["~/.local/state", "/w/alpha/velocity/", "127.0.0.1", "docs/works/x"],
)
def test_the_guard_lets_plain_text_pass(text: str) -> None:
    assert names(text) == []
