"""Role x permission and page x permission are pinned: a changed right, and a page that asks for
another one, show as a diff that somebody reads.

After a change that is meant: UPDATE_POLICY=1 pytest tests/guards/test_permissions.py
"""

import ast
import os
from pathlib import Path

import pytest

from accounts import permissions
from accounts.permissions import allows, policy, register, roles_with
from accounts.roles import OWNERS, Role
from tests.guards.source import ROOT, python_files
from tests.guards.url_tree import pages

GOLDEN = Path(__file__).with_name("policy.txt")
# Rights whose page or service is not built yet, or that no page asks for, and why they exist.
_NO_PAGE = "the service exists, its page comes with the work floor"
NOT_ASKED_FOR: dict[str, str] = {
    "company.view": "every member's; the frame shows the company to whoever is in it",
    "deal.import": _NO_PAGE,
}


def table() -> str:
    """The policy as text: one permission a line, a mark for each role that has it; then one page
    of a company a line, with the permission that it asks for."""
    return f"{_roles()}\n{_pages()}"


def _pages() -> str:
    marks = {p.name: p.permission or "" for p in pages() if p.of_a_company}
    width = max(map(len, marks))
    return "".join(f"{name:{width}}  {mark}\n" for name, mark in sorted(marks.items()))


def _roles() -> str:
    rows = policy()
    width = max(map(len, rows))
    lines = [f"{'':{width}}  " + "  ".join(f"{r.value:7}" for r in Role).rstrip()]
    for name, roles in sorted(rows.items()):
        marks = "  ".join(f"{'yes' if r in roles else '-':7}" for r in Role)
        lines.append(f"{name:{width}}  {marks}".rstrip())
    return "\n".join(lines) + "\n"


def asked_for() -> set[str]:
    """The permissions that code names: in a view's mark, in the navigation, in a service."""
    found = {p.permission for p in pages() if p.permission}
    for file in python_files("accounts", "pipeline", "metrics"):
        if file.name == "permissions.py":
            continue
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node.value in policy():
                found.add(str(node.value))
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name and name.isupper() and name in CONSTANTS:
                found.add(CONSTANTS[name])
    return found


def _constants() -> dict[str, str]:
    from metrics import permissions as of_metrics
    from pipeline import permissions as of_pipeline

    return {
        name: value
        for module in (permissions, of_pipeline, of_metrics)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }


CONSTANTS = _constants()


def test_the_policy_is_the_committed_one() -> None:
    assert len(policy()) >= 8
    if os.environ.get("UPDATE_POLICY"):
        GOLDEN.write_text(table())
    assert table() == GOLDEN.read_text(), "UPDATE_POLICY=1 writes the table; read the diff."


def test_an_owner_may_everything_and_a_leader_only_reads() -> None:
    for name, roles in policy().items():
        assert Role.OWNER in roles, name
        assert roles, f"{name} is granted to nobody"
        if Role.LEADER in roles:
            assert name.endswith(".view"), f"{name} lets a reader change something"


def test_every_permission_is_asked_for() -> None:
    unused = set(policy()) - asked_for()
    assert unused == set(NOT_ASKED_FOR), "grant what is used; name what is not, with a reason"


def test_names_are_noun_and_verb() -> None:
    for name in policy():
        noun, _, verb = name.partition(".")
        assert noun.isidentifier(), name
        assert verb.isidentifier(), name


def test_a_name_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "_TABLE", dict(permissions._TABLE))
    before = table()
    register("house.sell", OWNERS)
    assert table() != before  # the golden file would differ
    assert not allows(Role.REP, "house.sell")
    with pytest.raises(ValueError, match="registered twice"):
        register("house.sell", OWNERS)


def test_an_unknown_permission_is_an_error_and_never_nobody() -> None:
    with pytest.raises(KeyError):
        roles_with("deal.teleport")


def test_the_table_in_the_code_is_complete() -> None:
    """Every permissions.py is imported by its app, so that no line is forgotten."""
    files = [
        f for f in python_files("accounts", "pipeline", "metrics") if f.name == "permissions.py"
    ]
    assert len(files) == 3
    for file in files:
        names = {
            node.args[0].value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "register"
            and isinstance(node.args[0], ast.Constant)
        }
        assert names, file.relative_to(ROOT)
        assert names <= set(policy())
