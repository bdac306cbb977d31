"""Tasks are short, take ids, are limited in time, and are sent once the facts are safe."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from config.celery import app as celery_app
from config.schedule import BEAT_SCHEDULE
from tests.guards.source import ROOT, python_files

STATEMENTS = 6  # a body beyond this holds a rule that belongs to a service
PLAIN = {"int", "str", "bool", "float"}


def task_functions(source: str) -> list[ast.FunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and any("task" in ast.unparse(d) for d in node.decorator_list)
    ]


def problems(source: str) -> list[str]:
    """What is wrong with the tasks of a module."""
    said = []
    for task in task_functions(source):
        arguments = [*task.args.args, *task.args.kwonlyargs]
        for argument in arguments:
            kind = ast.unparse(argument.annotation) if argument.annotation else "nothing"
            if kind not in PLAIN:
                said.append(f"{task.name} takes {argument.arg}: {kind}, which is no id.")
        if task.args.vararg or task.args.kwarg:
            said.append(f"{task.name} takes anything.")
        body = [n for n in ast.walk(task) if isinstance(n, ast.stmt)][1:]
        if ast.get_docstring(task) is None:
            said.append(f"{task.name} does not say what it is for.")
        elif len(body) - 1 > STATEMENTS:
            said.append(f"{task.name} has {len(body) - 1} statements: give them to a service.")
        if not any("name=" in ast.unparse(d) for d in task.decorator_list):
            said.append(f"{task.name} has no name of its own: moving the module would lose it.")
        if any("time_limit" in ast.unparse(d) and "None" in ast.unparse(d)
               for d in task.decorator_list):  # fmt: skip
            said.append(f"{task.name} takes its limit off.")
    return said


def sendings(source: str) -> list[str]:
    """`.delay()` and `.apply_async()` that do not wait for the commit."""
    tree = ast.parse(source)
    waiting = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("on_commit")
        for inner in ast.walk(node)
    }
    return [
        f"line {node.lineno}: {ast.unparse(node.func)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"delay", "apply_async", "send_task"}
        and node not in waiting
    ]


def task_files() -> list[Path]:
    return [f for f in python_files("accounts", "pipeline", "metrics") if f.name == "tasks.py"]


def test_tasks_follow_the_rules() -> None:
    files = task_files()
    tasks = [t for f in files for t in task_functions(f.read_text())]
    assert len(tasks) >= 2
    assert [said for f in files for said in problems(f.read_text())] == []


def test_tasks_live_in_tasks_modules_only() -> None:
    astray = [
        f.relative_to(ROOT).as_posix()
        for f in python_files("accounts", "pipeline", "metrics")
        if f.name != "tasks.py" and task_functions(f.read_text())
    ]
    assert astray == []


def test_messages_wait_for_the_commit() -> None:
    """One sent inside the transaction wakes a worker before there is anything to see."""
    found = {
        f.relative_to(ROOT).as_posix(): said
        for f in python_files("accounts", "pipeline", "metrics")
        if f.name != "tasks.py" and (said := sendings(f.read_text()))
    }
    assert found == {}


def test_the_worker_knows_every_task() -> None:
    celery_app.loader.import_default_modules()
    ours = {n for n in celery_app.tasks if not n.startswith("celery.")}
    assert len(ours) == sum(len(task_functions(f.read_text())) for f in task_files())
    for name in ours:
        task = celery_app.tasks[name]
        limit = task.time_limit or settings.CELERY_TASK_TIME_LIMIT
        soft = task.soft_time_limit or settings.CELERY_TASK_SOFT_TIME_LIMIT
        assert soft < limit < settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"], name
        assert task.acks_late, name
        assert task.reject_on_worker_lost, name
        assert task.ignore_result, name


def test_the_schedule_names_tasks_that_exist() -> None:
    celery_app.loader.import_default_modules()
    assert BEAT_SCHEDULE
    for name, entry in BEAT_SCHEDULE.items():
        assert entry["task"] in celery_app.tasks, name
        assert "args" not in entry, f"{name}: what runs by the clock finds its own work"


def test_a_lost_worker_loses_no_work() -> None:
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1
    assert settings.CELERY_TASK_ACKS_LATE is True
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST is True
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@shared_task(name='x')\ndef f(deal: Deal) -> None:\n  '''Why.'''", "which is no id"),
        ("@shared_task(name='x')\ndef f(deal) -> None:\n  '''Why.'''", "nothing, which is no id"),
        ("@shared_task(name='x')\ndef f(**k) -> None:\n  '''Why.'''", "takes anything"),
        ("@shared_task\ndef f() -> None:\n  '''Why.'''", "no name of its own"),
        ("@shared_task(name='x')\ndef f() -> None:\n  x()", "does not say what it is for"),
        (
            "@shared_task(name='x')\ndef f() -> None:\n  '''Why.'''\n" + "  x()\n" * 7,
            "has 7 statements",
        ),
        (
            "@shared_task(name='x', time_limit=None)\ndef f() -> None:\n  '''Why.'''",
            "takes its limit off",
        ),
    ],
)
def test_the_guard_sees_planted_faults(source: str, expected: str) -> None:
    assert expected in " ".join(problems(source))


def test_the_guard_sees_a_message_sent_too_early() -> None:
    assert sendings("recompute.delay(1)")
    assert sendings("transaction.on_commit(lambda: recompute.delay(1))") == []
