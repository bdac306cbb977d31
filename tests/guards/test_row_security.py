"""Wall 4 in the catalogue: policies, FORCE, grants; and a start that refuses what breaks them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction
from psycopg import sql

from accounts.tenancy.context import company_context
from accounts.tenancy.models import APPEND_ONLY, TenantModel
from accounts.tenancy.row_security import (
    UnsafeRole,
    faults,
    refuse_unsafe_role,
    runtime_role,
    secure,
    secured_models,
)
from metrics.models import Snapshot
from tests.personas import make_user, make_workspace
from tests.specimens import make_specimens, tenant_models

# Rows that nobody at run time may change: the history, its deeds, what was known.
APPEND_ONLY_MODELS = {
    "accounts.AuditEntry",
    "metrics.Assignment",
    "metrics.DangerPointEntry",
    "metrics.ExperimentEntry",
    "metrics.FindingChange",
    "metrics.Guide",
    "metrics.GuideQuestion",
    "metrics.SignOff",
    "pipeline.DealChange",
    "pipeline.MaterialUse",
    "pipeline.StageTransition",
}


def catalogue() -> dict[str, tuple[bool, bool, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                   (SELECT array_agg(p.polname::text ORDER BY p.polname) FROM pg_policy p
                    WHERE p.polrelid = c.oid)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r'
            """
        )
        return {name: rest for name, *rest in cursor.fetchall()}  # type: ignore[misc]


def append_only(model: type[TenantModel]) -> bool:
    return model.row_security.rights == APPEND_ONLY.rights


@pytest.mark.django_db
def test_every_tenant_table_has_forced_policies() -> None:
    have = catalogue()
    secured = secured_models()
    assert {m._meta.label for m in secured} == {
        "accounts.Company",
        *(m._meta.label for m in tenant_models()),
    }
    for model in secured:
        assert have[model._meta.db_table] == [
            True,
            True,
            ["company_adds", "company_changes", "company_reads", "company_removes"],
        ], model


def test_the_append_only_models_are_these() -> None:
    marked = {m._meta.label for m in tenant_models() if append_only(m)}
    assert marked == APPEND_ONLY_MODELS


@pytest.mark.django_db
def test_the_runtime_role_has_no_more_rights_than_declared() -> None:
    with connection.cursor() as cursor:
        for model in secured_models():
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                cursor.execute(
                    "SELECT has_table_privilege(current_user, %s, %s)",
                    [model._meta.db_table, right],
                )
                (has,) = cursor.fetchone()
                assert has == (right in model.row_security.rights), (model, right)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE pipeline_deal CASCADE",
        "COPY pipeline_team (company_id, name) FROM STDIN",
        "ALTER TABLE pipeline_deal DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE pipeline_deal NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY company_reads ON pipeline_deal",
        "CREATE POLICY mine ON pipeline_deal USING (true)",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "SET ROLE leverpoint_owner",
        "CREATE TABLE public.mine (id int)",
        "DROP TABLE pipeline_team",
        "CREATE VIEW public.mine AS SELECT * FROM pipeline_deal",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE pipeline_stagetransition SET reason = ''",
        "DELETE FROM pipeline_stagetransition",
        "UPDATE pipeline_dealchange SET origin = ''",
        "DELETE FROM pipeline_dealchange",
        "UPDATE accounts_auditentry SET action = ''",
        "DELETE FROM accounts_auditentry",
        "DELETE FROM accounts_company",
        "UPDATE django_migrations SET name = ''",
    ],
)
def test_the_runtime_role_may_not(statement: str) -> None:
    with (
        pytest.raises(
            (DatabaseError, psycopg.Error), match=r"permission denied|must be owner|not supported"
        ),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        if statement.startswith("COPY"):
            with cursor.copy(statement) as copy:
                copy.write_row((1, "smuggled"))
        else:
            cursor.execute(statement)


@pytest.mark.django_db
def test_row_security_cannot_be_switched_off() -> None:
    """`row_security = off` makes PostgreSQL refuse instead of filter."""
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL row_security = off")
        cursor.execute("SELECT count(*) FROM pipeline_deal")


@pytest.mark.django_db
def test_a_final_snapshot_is_neither_changed_nor_removed() -> None:
    workspace = make_workspace("alpha")
    with company_context(workspace.company.pk):
        rows = make_specimens(company=workspace.company, user=make_user("someone@example.com"))
        running = rows[Snapshot]
        final = Snapshot.objects.get(pk=running.pk)
        final.pk, final.version, final.status = None, 1, "final"
        final.save(force_insert=True)

        assert Snapshot.objects.filter(pk=final.pk).update(quarter_label="x") == 0
        assert Snapshot.objects.filter(pk=final.pk).delete() == (0, {})
        with connection.cursor() as cursor:
            cursor.execute("UPDATE metrics_snapshot SET quarter_label = 'x'")
            assert cursor.rowcount == 1  # the running one
            cursor.execute("DELETE FROM metrics_snapshot")
            assert cursor.rowcount == 1
        assert list(Snapshot.objects.values_list("status", "quarter_label")) == [
            ("final", final.quarter_label)
        ]


@pytest.mark.django_db
def test_a_running_snapshot_does_not_become_final_by_an_update() -> None:
    workspace = make_workspace("alpha")
    with company_context(workspace.company.pk):
        rows = make_specimens(company=workspace.company, user=make_user("someone@example.com"))
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Snapshot.objects.filter(pk=rows[Snapshot].pk).update(status="final", version=1)


@pytest.mark.django_db
@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m.__name__)
def test_append_only_rows_refuse_django_too(model: type[TenantModel]) -> None:
    workspace = make_workspace("alpha")
    user = make_user("someone@example.com")
    with company_context(workspace.company.pk):
        row = make_specimens(company=workspace.company, user=user)[model]
        assert model.objects.filter(pk=row.pk).exists()
        if not append_only(model):
            row.save()
            return
        for change in (
            row.save,
            lambda: model._base_manager.filter(pk=row.pk).update(company_id=row.company_id),
            lambda: model.objects.filter(pk=row.pk)._raw_delete("default"),
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                change()


# The start refuses: each fault planted by the owner, found, and taken away again. ----------------


@pytest.fixture
def planted(owner_connection: psycopg.Connection[Any]) -> Iterator[Any]:
    """Run a statement as the owner, and everything back as it was afterwards."""

    def plant(statement: str) -> None:
        owner_connection.execute(
            sql.SQL(statement).format(role=sql.Identifier(runtime_role()))  # type: ignore[arg-type]
        )

    undo: list[str] = []
    yield plant, undo
    for statement in reversed(undo):
        plant(statement)
    secure(using="owner")
    connections["owner"].close()


FAULTS = {
    "force off": (
        "ALTER TABLE pipeline_deal NO FORCE ROW LEVEL SECURITY",
        "",
        "pipeline_deal has no forced row security",
    ),
    "row security off": (
        "ALTER TABLE pipeline_note DISABLE ROW LEVEL SECURITY",
        "",
        "pipeline_note has no forced row security",
    ),
    "policy dropped": (
        "DROP POLICY company_reads ON pipeline_team",
        "",
        "pipeline_team lacks the policy company_reads",
    ),
    "policy opened": (
        "ALTER POLICY company_reads ON pipeline_team USING (true)",
        "",
        "The policy company_reads of pipeline_team does not compare the company",
    ),
    "policy added": (
        "CREATE POLICY everybody ON pipeline_team USING (true)",
        "DROP POLICY everybody ON pipeline_team",
        "pipeline_team has a policy of unknown origin: everybody",
    ),
    "new table": (
        "CREATE TABLE pipeline_new (company_id bigint)",
        "DROP TABLE pipeline_new",
        "pipeline_new has no forced row security",
    ),
    "view": (
        "CREATE VIEW all_deals AS SELECT * FROM pipeline_deal",
        "DROP VIEW all_deals",
        "The view all_deals is not security_invoker",
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW all_deals AS SELECT * FROM pipeline_deal",
        "DROP MATERIALIZED VIEW all_deals",
        "The view all_deals is not security_invoker",
    ),
    "may rewrite history": (
        "GRANT UPDATE ON pipeline_stagetransition TO {role}",
        "REVOKE UPDATE ON pipeline_stagetransition FROM {role}",
        "The runtime role may UPDATE pipeline_stagetransition",
    ),
    "may truncate": (
        "GRANT TRUNCATE ON pipeline_deal TO PUBLIC",
        "REVOKE TRUNCATE ON pipeline_deal FROM PUBLIC",
        "The runtime role may TRUNCATE pipeline_deal",
    ),
    "may make tables": (
        "GRANT CREATE ON SCHEMA public TO {role}",
        "REVOKE CREATE ON SCHEMA public FROM {role}",
        "The runtime role may make tables",
    ),
}


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_start_refuses(fault: str, planted: Any) -> None:
    plant, undo = planted
    statement, back, expected = FAULTS[fault]
    assert faults() == []
    undo += [back] if back else []
    plant(statement)
    assert expected in " ".join(faults())
    with pytest.raises(UnsafeRole, match="does not start"):
        refuse_unsafe_role()


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_start_refuses_a_role_that_looks_past_row_security() -> None:
    """The owner's own connection stands for a DATABASE_URL that names the wrong role."""
    said = " ".join(faults(using="owner"))
    assert "The runtime role has BYPASSRLS." in said
    assert "The runtime role owns pipeline_deal." in said


@pytest.mark.django_db
def test_the_start_accepts_what_migrate_leaves_behind() -> None:
    assert faults() == []
    refuse_unsafe_role()


class _Cursor:
    """A cursor that says of the role what a real server would say of a superuser."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.statement = ""

    def __enter__(self) -> "_Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self.real.close()

    def execute(self, statement: str, *args: Any) -> None:
        self.statement = statement
        self.real.execute(statement, *args)

    def fetchone(self) -> Any:
        row = self.real.fetchone()
        return (True, *row[1:]) if "rolsuper" in self.statement else row

    def fetchall(self) -> Any:
        return self.real.fetchall()


@pytest.mark.django_db
def test_the_start_refuses_a_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test role may make a superuser, so the server's answer is changed on the way."""
    real = connection.cursor
    monkeypatch.setattr(connection, "cursor", lambda: _Cursor(real()))
    assert "The runtime role is a superuser." in faults()
