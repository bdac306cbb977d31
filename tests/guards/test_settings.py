"""Settings: nothing secret has a default, all are listed, and a missing one stops the start."""

import ast
import os
import re
import subprocess
import sys

import pytest

from tests.guards.source import ROOT, python_files

EXAMPLE = (ROOT / ".env.example").read_text()
SECRET = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")
ENOUGH = {
    "PATH": "/usr/bin:/bin",
    "SECRET_KEY": "x" * 60 + "0123456789",
    "DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
# Read by the product or its tests, and not for people to set.
INTERNAL = {
    "DJANGO_SETTINGS_MODULE": "which settings file; there is one",
    "CODE_VERSION": "what a build stamps on its snapshots",
    "STATICFILES_BACKEND": "tests serve files without their manifest",
}


def settings_calls() -> list[tuple[str, bool]]:
    """(variable, has a default) of every read in config/settings.py."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env."):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                found.append((str(first.value), len(node.args) + len(node.keywords) > 1))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_database":
            assert isinstance(node.args[0], ast.Constant)
            found.append((str(node.args[0].value), False))
    return found


def in_example() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_nothing_secret_has_a_default() -> None:
    calls = dict(settings_calls())
    assert len(calls) >= 12
    for name in SECRET:
        assert calls[name] is False, f"{name} has a default"
        assert in_example()[name] == ""


def test_every_variable_is_in_the_example() -> None:
    read = {name for name, _ in settings_calls()} - set(INTERNAL)
    assert read - set(in_example()) == set()


def test_the_example_lists_nothing_that_nobody_reads() -> None:
    sources = "\n".join(f.read_text() for f in python_files("config"))
    sources += (ROOT / "Makefile").read_text() + (ROOT / "config/launch/find-python").read_text()
    assert [name for name in in_example() if not re.search(rf"\b{name}\b", sources)] == []


def test_internal_variables_are_still_read() -> None:
    sources = "\n".join(f.read_text() for f in [*python_files("config"), ROOT / "manage.py"])
    assert [name for name in INTERNAL if name not in sources] == []


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", SECRET)
def test_a_missing_one_stops_the_start_and_is_named(name: str) -> None:
    rest = {k: v for k, v in ENOUGH.items() if k != name}
    done = _python("import config.settings", **rest)
    assert done.returncode != 0
    assert name in done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("DEBUG", "perhaps"), ("DATABASE_POOL", "many"), ("HTTPS", "2.5")]
)
def test_a_malformed_one_stops_the_start_and_is_named(name: str, value: str) -> None:
    done = _python("import config.settings", **ENOUGH, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr


def test_served_over_tls_django_has_nothing_to_warn_of() -> None:
    done = _python(
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; "
        "import django; django.setup(); from django.core.management import call_command; "
        "call_command('check', deploy=True, fail_level='WARNING')",
        **ENOUGH,
        HTTPS="true",
        STATICFILES_BACKEND="django.contrib.staticfiles.storage.StaticFilesStorage",
    )
    # HSTS for sub-domains and preloading are the installation's own choice.
    left = set(re.findall(r"security\.W\d+", done.stderr)) - {"security.W005", "security.W021"}
    assert left == set(), done.stderr[-2000:]


def test_web_and_worker_never_see_the_owner() -> None:
    """DATABASE_OWNER_URL is for migrations and operators: the supervisor takes it away."""
    source = (ROOT / "config" / "launch" / "run.py").read_text()
    assert "DATABASE_OWNER_URL" in source
    done = _python(
        "import config.settings as s; print(sorted(s.DATABASES))",
        **ENOUGH,
    )
    assert done.stdout.strip() == "['default']", done.stderr


def test_no_tracked_file_is_an_environment() -> None:
    assert not (ROOT / ".env").exists() or os.environ.get("CI") != "true"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert any(line.strip() in {".env", "/.env"} for line in ignored)
