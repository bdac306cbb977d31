"""Facts have one writer: an AST scan finds whoever else would write deals or transitions.

Looked for: Deal(...) and StageTransition(...), create/update/delete on their query sets, an
assignment to a cached field, a deal's save(), and SQL that writes their tables.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.guards.source import ROOT, python_files

MODELS = {"Deal", "StageTransition"}
WRITING = {
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "update",
    "update_or_create",
    "_raw_delete",
}
WRITING |= {f"a{name}" for name in WRITING}
CACHED = {"stage", "stage_id", "outcome", "opened_on", "closed_on", "stage_entered_on"}
SQL = re.compile(
    r"(insert\s+into|update|delete\s+from|copy|truncate)\s+\"?pipeline_(deal|stagetransition)\b",
    re.IGNORECASE,
)

# Who else may write, and why.
ALLOWED = {
    "pipeline/models/transition.py": "the owner's function that moves a day with its time zone",
    "pipeline/services/history.py": "the writer: appends a transition, renews the cache",
    "pipeline/services/deals.py": "makes the deal that its first transition is appended to",
    "pipeline/services/facts.py": "rebuilds the cache from the transitions",
    "pipeline/services/load_history.py": "loads a whole history in bulk, with its cache",
    "pipeline/services/import_existing.py": "what a file adds to deals in bulk, with their cache",
    "pipeline/services/restore_company.py": "packs the paths again with this database's stage ids",
    "pipeline/services/bulk_edit.py": "attributes of many deals at once; no fact and no cache",
    "pipeline/services/unlearn.py": "answers of a closing that never was; no fact and no cache",
    "pipeline/services/handing_over.py": "one attribute of many deals; no fact and no cache",
    "metrics/services/demo.py": "next steps of the demo's deals, which no exchange file holds",
}


def writes(source: str) -> list[str]:
    """The writes in this source, as line and kind."""
    found = []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            kind = _call(node)
            if kind:
                found.append(f"{node.lineno}: {kind}")
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr in CACHED
                    and "deal" in ast.unparse(target.value).lower()
                ):
                    found.append(f"{node.lineno}: assigns {ast.unparse(target)}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = SQL.search(node.value)
            if match and not _is_docstring(tree, node):
                found.append(f"{node.lineno}: SQL {' '.join(match.group(0).split())}")
    return found


def _call(node: ast.Call) -> str | None:
    called = node.func
    if isinstance(called, ast.Name) and called.id in MODELS:
        return f"makes a {called.id}"
    if not isinstance(called, ast.Attribute):
        return None
    root = _root(called)
    if called.attr in WRITING and root in MODELS:
        return f"{root} {called.attr}"
    if called.attr in WRITING and {k.arg for k in node.keywords} & CACHED:
        return f"{called.attr} of a cached field"
    if called.attr == "save" and root is not None and "deal" in root.lower():
        return f"{root}.save"
    return None


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_docstring(tree: ast.AST, constant: ast.Constant) -> bool:
    return any(isinstance(n, ast.Expr) and n.value is constant for n in ast.walk(tree))


def scan(files: list[Path]) -> dict[str, list[str]]:
    found = {}
    for file in files:
        said = writes(file.read_text())
        if said:
            found[file.relative_to(ROOT).as_posix()] = said
    return found


def test_facts_have_one_writer() -> None:
    files = [
        f for f in python_files("accounts", "pipeline", "metrics") if "migrations" not in f.parts
    ]
    assert len(files) > 60
    found = scan(files)
    strangers = {name: said for name, said in found.items() if name not in ALLOWED}
    assert strangers == {}, "move facts through pipeline/services/history.py"
    stale = set(ALLOWED) - set(found)
    assert stale == set(), "these no longer write: take them off the list"


@pytest.mark.parametrize(
    "source",
    [
        "Deal.objects.filter(pk=1).update(stage=2)",
        "Deal.objects.filter(pk=1).update(**values)",
        "Deal._base_manager.create(name='x')",
        "StageTransition.objects.bulk_create(rows)",
        "StageTransition(deal=deal, number=3)",
        "Deal(name='x')",
        "company.deals.filter(pk=1).update(outcome='won')",
        "deal.stage_id = 4",
        "self.deal.outcome = 'won'",
        "deal.save()",
        "the_deal.save(update_fields=['stage'])",
        "cursor.execute('UPDATE pipeline_deal SET stage_id = 3')",
        "cursor.execute(f'insert into pipeline_stagetransition ({columns})')",
        "cursor.copy('COPY pipeline_deal (id) FROM STDIN')",
        "stage.deals.update(closed_on=None)",
    ],
)
def test_the_guard_sees_a_planted_write(source: str) -> None:
    assert len(writes(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "Deal.objects.filter(stage=2).count()",
        "values.update(other=2)",
        "name = deal.stage",
        "self.path = path",
        "cursor.execute('SELECT 1 FROM pipeline_deal')",
        "cursor.execute('INSERT INTO pipeline_dealchange VALUES (1)')",
        "cursor.execute('INSERT INTO pipeline_dirtyquarter VALUES (1)')",
        "Customer.objects.create(name='x')",
    ],
)
def test_reading_is_no_write(source: str) -> None:
    assert writes(source) == []
