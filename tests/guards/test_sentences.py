"""Every sentence is marked for translation, whole and where it is refused with."""

import ast
from collections.abc import Iterator

import pytest

from tests.guards.sentences import ROOMS, marking
from tests.guards.source import ROOT, python_files

# Whose first argument a person reads: refusals besides DomainError and its children.
REFUSING = {"DomainError", "Refused", "ValidationError"}
# {file: reason} of refusals in English alone.
ENGLISH_ALONE = {
    "accounts/tenancy/constraints.py": "forms offer their own rows; who writes code reads this",
    "pipeline/selectors/dump_company.py": "an operator's command, which speaks English",
}


def _assembled(node: ast.AST) -> bool:
    """Is a text put together from parts, so that no catalogue can hold it whole?"""
    return (
        isinstance(node, ast.JoinedStr | ast.BinOp)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("format", "join"))
    )  # fmt: skip


def assembled_before(source: str) -> list[str]:
    """f-strings and the like inside of gettext calls, and gettext calls inside of f-strings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if marking(node):
            assert isinstance(node, ast.Call)
            if node.args and _assembled(node.args[0]):
                found.append(f"line {node.lineno}: the text is put together before it is looked up")
        if isinstance(node, ast.JoinedStr):
            found += [
                f"line {inner.lineno}: {marking(inner)} inside of an f-string, which xgettext skips"
                for inner in ast.walk(node)
                if marking(inner)
            ]
    return found


def refusals(*sources: str) -> set[str]:
    """DomainError and every class that is made of it, by name."""
    known, before = set(REFUSING), set()
    classes = [n for s in sources for n in ast.walk(ast.parse(s)) if isinstance(n, ast.ClassDef)]
    while known != before:
        before = set(known)
        known |= {
            c.name for c in classes if {ast.unparse(b).rpartition(".")[2] for b in c.bases} & known
        }
    return known


def bare_refusals(source: str, refusing: set[str]) -> list[str]:
    """Refusals and messages whose sentence is a literal that nobody marked."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (sentence := _told(node, refusing)) is not None:
            found += [f"line {node.lineno}: {said}" for said in _bare(sentence)]
    return found


def _told(node: ast.Call, refusing: set[str]) -> ast.expr | None:
    """The argument of a call that a person reads; None where none of them is for people."""
    room, _, name = ast.unparse(node.func).rpartition(".")
    place = 0 if name in refusing else 1 if name == "add_error" or room == "messages" else None
    return node.args[place] if place is not None and len(node.args) > place else None


def _bare(node: ast.AST) -> Iterator[str]:
    """The unmarked words that a text is made of."""
    if marking(node):
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and " " in node.value.strip():
            yield node.value
        return
    if isinstance(node, ast.Call):
        # Of a call what it is called on: "...".format(...); its arguments are no sentences.
        yield from _bare(node.func.value) if isinstance(node.func, ast.Attribute) else ()
        return
    for inner in ast.iter_child_nodes(node):
        yield from _bare(inner)


def test_sentences_are_looked_up_whole() -> None:
    found = {}
    for file in python_files(*ROOMS):
        if said := assembled_before(file.read_text()):
            found[file.relative_to(ROOT).as_posix()] = said
    assert found == {}


def test_every_refusal_is_marked() -> None:
    files = [f for f in python_files(*ROOMS) if "migrations" not in f.parts]
    refusing = refusals(*(f.read_text() for f in files))
    assert len(refusing) > 10
    found = {}
    for file in files:
        if said := bare_refusals(file.read_text(), refusing):
            found[file.relative_to(ROOT).as_posix()] = said
    assert {f: said for f, said in found.items() if f not in ENGLISH_ALONE} == {}
    assert set(ENGLISH_ALONE) - set(found) == set(), "stale exceptions"


@pytest.mark.parametrize(
    "bad",
    [
        'raise DomainError("No such deal.")',
        'raise DomainError(f"At most {most} deals.")',
        'raise DomainError("At most {n} deals.".format(n=most))',
        'raise NotAllowed("Only an" + " owner.")',
        'raise errors.DomainError("Yes, no." if a else _("No."))',
        'Refused("It is so.", ())',
        'form.add_error(None, "Not this one.")',
        'messages.success(request, f"{n} saved today")',
    ],
)
def test_the_guard_sees_a_refusal_that_nobody_marked(bad: str) -> None:
    assert bare_refusals(bad, refusals("class NotAllowed(errors.DomainError): pass"))


@pytest.mark.parametrize(
    "bad",
    ['_(f"{n} deals")', '_("{n} deals".format(n=1))', 'ngettext("a " + b, "c", n)',
     '''f"<b>{_('Danger point')}</b>"'''],
)  # fmt: skip
def test_the_guard_sees_sentences_in_parts(bad: str) -> None:
    assert assembled_before(bad)


@pytest.mark.parametrize(
    "good",
    [
        'raise DomainError(_("No such deal."))',
        'raise DomainError(_("At most {n} deals.").format(n=f"{most:,}"))',
        'raise DomainError(ngettext("{n} deal", "{n} deals", n).format(n=n))',
        "raise DomainError(refused.sentence)",
        'raise DomainError(" ".join(sentences))',
        'raise ValueError("a programmer reads this")',
    ],
)
def test_the_guard_lets_pass_what_is_marked(good: str) -> None:
    assert bare_refusals(good, refusals()) == []
    assert assembled_before(good) == []
