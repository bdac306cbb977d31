"""Wall 4 alone: with the URL, the filters and the managers out of the way, nothing leaks.

`_base_manager` and raw SQL have no filter at all: what they do not show, the database hides.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.models import Company, Membership
from accounts.tenancy.context import company_context, user_context
from accounts.tenancy.models import TenantModel
from accounts.tenancy.row_security import owners_functions, secured_models
from pipeline.models import Deal, Team
from tests.personas import World
from tests.specimens import make_pair, tenant_models

MODELS = tenant_models()


def unfiltered(model: type[Any]) -> Any:
    """Every row that the database lets through."""
    return model._base_manager.all()


@pytest.fixture
def pair(db: None) -> tuple[Company, Company]:
    """Two companies with a row of every model each, in the test's transaction."""
    return make_pair()


@pytest.fixture
def committed(transactional_db: None) -> tuple[Company, Company]:
    """The same, seen by every connection."""
    return make_pair()


def each(pair: tuple[Company, Company]) -> Iterator[tuple[type[TenantModel], Company, Company]]:
    """Every model, from within either company: (model, here, there)."""
    for model in MODELS:
        for here, there in (pair, pair[::-1]):
            yield model, here, there


def test_inside_one_company_the_other_does_not_exist(pair: tuple[Company, Company]) -> None:
    for model, here, there in each(pair):
        table = model._meta.db_table
        with company_context(here.pk), connection.cursor() as cursor:
            rows = list(unfiltered(model).values_list("company_id", flat=True))
            assert set(rows) == {here.pk}, model
            assert not unfiltered(model).filter(company_id=there.pk).exists(), model
            assert unfiltered(model).select_related("company").count() == len(rows), model
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (len(rows),), model
            cursor.execute(f"SELECT count(*) FROM {table} WHERE company_id = %s", [there.pk])
            assert cursor.fetchone() == (0,), model


def test_rows_of_another_company_are_neither_changed_nor_removed(
    pair: tuple[Company, Company],
) -> None:
    for model, here, there in each(pair):
        with company_context(there.pk):
            before = list(unfiltered(model).order_by("pk").values())
        with company_context(here.pk):
            theirs = unfiltered(model).filter(pk=before[0]["id"])
            if "UPDATE" in model.row_security.rights:
                assert theirs.update(company_id=there.pk) == 0, model
            if "DELETE" in model.row_security.rights:
                assert theirs._raw_delete("default") == 0, model
        with company_context(there.pk):
            assert list(unfiltered(model).order_by("pk").values()) == before, model


def test_no_row_is_put_into_another_company(pair: tuple[Company, Company]) -> None:
    """Neither inserted there nor moved there, past wall 2."""
    for model, here, there in each(pair):
        names = [f.column for f in model._meta.concrete_fields if not f.primary_key]
        columns = [connection.ops.quote_name(name) for name in names]  # some are words of SQL
        values = ["%s" if c == '"company_id"' else c for c in columns]
        insert = (
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "
            f"SELECT {', '.join(values)} FROM {model._meta.db_table} LIMIT 1"
        )
        with company_context(here.pk):
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(insert, [there.pk])
            if "UPDATE" not in model.row_security.rights:
                continue
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                unfiltered(model).update(company_id=there.pk)


def test_the_company_itself_is_walled(pair: tuple[Company, Company]) -> None:
    a, b = pair
    with company_context(a.pk):
        assert list(Company.objects.values_list("pk", flat=True)) == [a.pk]
        assert Company.objects.filter(pk=b.pk).update(name="Ours") == 0
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Company.objects.create(slug="third", name="Third")


def test_before_a_company_is_known_a_user_sees_the_own_memberships_only(
    quiet_world: World,
) -> None:
    from accounts.roles import Role

    user = quiet_world.a.user(Role.REP)
    with user_context(user.pk):
        assert [m.user_id for m in unfiltered(Membership)] == [user.pk]
        assert [c.pk for c in Company.objects.all()] == [quiet_world.a.company.pk]
        assert unfiltered(Deal).count() == 0
        assert unfiltered(Membership).update(role="owner") == 0
    with user_context(quiet_world.stranger.pk):
        assert unfiltered(Membership).count() == 0
        assert Company.objects.count() == 0
        assert unfiltered(Deal).count() == 0
    assert unfiltered(Membership).count() == 0


def test_functions_that_know_every_company_tell_ids_and_nothing_else(quiet_world: World) -> None:
    with company_context(quiet_world.b.company.pk):
        Company.objects.filter(pk=quiet_world.b.company.pk).update(mail_token="beta-token")
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_mail_company_id('beta-token'), app_mail_company_id('nobody')")
        assert cursor.fetchone() == (quiet_world.b.company.pk, None)
        cursor.execute("SELECT app_company_id('beta'), app_company_id('nobody')")
        assert cursor.fetchone() == (quiet_world.b.company.pk, None)
        cursor.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'public' AND p.prosecdef"
        )
        declared = {f.name for model in secured_models() for f in owners_functions(model)}
        assert {"app_company_id", "app_invitation_company", "app_mail_company_id"} <= declared
        assert {name for (name,) in cursor.fetchall()} == declared
        cursor.execute("SELECT app_invitation_company('no such hash')")
        assert cursor.fetchone() == (None,)


# When the setting is sent, and when it is gone. --------------------------------------------------


def visible() -> set[int]:
    return set(unfiltered(Team).values_list("company_id", flat=True))


def test_outside_a_transaction_nothing_is_visible(committed: tuple[Company, Company]) -> None:
    a, _ = committed
    with company_context(a.pk):
        assert connection.get_autocommit()
        for model in MODELS:
            assert unfiltered(model).count() == 0, model
        with transaction.atomic():
            assert visible() == {a.pk}
        assert visible() == set()


def test_the_company_changes_inside_an_open_transaction(
    committed: tuple[Company, Company],
) -> None:
    a, b = committed
    with transaction.atomic():
        assert visible() == set()
        with company_context(a.pk):
            assert visible() == {a.pk}
            with company_context(b.pk):
                assert visible() == {b.pk}
            assert visible() == {a.pk}
        assert visible() == set()


def test_a_savepoint_rolled_back_leaves_the_right_company(
    committed: tuple[Company, Company],
) -> None:
    a, b = committed
    with company_context(a.pk), transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            with company_context(b.pk):
                assert visible() == {b.pk}
                raise ZeroDivisionError
        assert visible() == {a.pk}

        with company_context(b.pk):
            sid = transaction.savepoint()
        assert visible() == {a.pk}
        transaction.savepoint_rollback(sid)  # the server is back at b; the context is not
        assert visible() == {a.pk}


def test_a_failed_statement_leaves_the_right_company(committed: tuple[Company, Company]) -> None:
    a, b = committed
    with company_context(a.pk), transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(), company_context(b.pk):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        assert visible() == {a.pk}
    with company_context(a.pk):
        with pytest.raises(DatabaseError), transaction.atomic():
            with company_context(b.pk), connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        assert visible() == set()
        with transaction.atomic():
            assert visible() == {a.pk}


def test_the_next_transaction_of_a_connection_knows_nothing_of_the_last(
    committed: tuple[Company, Company],
) -> None:
    a, b = committed
    with company_context(a.pk), transaction.atomic():
        assert visible() == {a.pk}
    with transaction.atomic():
        assert visible() == set()
    with user_context(1), company_context(b.pk), transaction.atomic():
        assert visible() == {b.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('app.company_id', true), current_setting('app.user_id', true)"
        )
        assert cursor.fetchone() == ("", "")


def test_manual_transactions_are_told_too(committed: tuple[Company, Company]) -> None:
    a, _ = committed
    with company_context(a.pk):
        transaction.set_autocommit(False)
        try:
            assert visible() == {a.pk}
            transaction.rollback()
            assert visible() == set()  # a new transaction that nobody told: fails closed
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)


@pytest.fixture
def pooled(committed: tuple[Company, Company]) -> Iterator[tuple[Company, Company]]:
    """The runtime connections out of a pool of three, as gunicorn's threads share them."""
    settings = connections["default"].settings_dict
    connections["default"].close()
    before = settings["OPTIONS"]
    settings["OPTIONS"] = {**before, "pool": {"min_size": 1, "max_size": 3, "timeout": 30}}
    try:
        yield committed
    finally:
        connections["default"].close()
        connections["default"].close_pool()
        settings["OPTIONS"] = before


def test_a_pool_does_not_carry_a_company_into_the_next_request(
    pooled: tuple[Company, Company],
) -> None:
    a, b = pooled
    seen: Counter[str] = Counter()
    backends: set[int] = set()
    lock = threading.Lock()

    def requests(seed: int) -> None:
        for turn in range(40):
            company = (a, b, None)[(turn + seed) % 3]
            try:
                result, pid = one_request(company, fails=turn % 7 == 0)
            finally:
                connections["default"].close()
            right = {company.pk} if company else set()
            with lock:
                seen["right" if result == right else f"wrong: {result} for {company}"] += 1
                backends.add(pid)

    threads = [threading.Thread(target=requests, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"right": 240}
    assert len(backends) <= 3  # they did share connections


def one_request(company: Company | None, *, fails: bool) -> tuple[set[int], int]:
    """What a request sees, with an error in the middle of some."""
    if company is None:
        with transaction.atomic():
            return visible(), _pid()
    with company_context(company.pk):
        if fails:
            with pytest.raises(DatabaseError), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT no_such_column FROM pipeline_deal")
        with transaction.atomic():
            return visible(), _pid()


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
        return pid


def test_the_guard_sees_a_setting_that_outlives_its_transaction(
    committed: tuple[Company, Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With set_config(.., false), as a middleware would send it, the next one leaks."""
    from accounts.tenancy.postgresql import base

    monkeypatch.setattr(base, "_TELL", base._TELL.replace("true", "false"))
    a, _ = committed
    with company_context(a.pk), transaction.atomic():
        pass
    try:
        assert visible() == {a.pk}  # outside any company: a leak
    finally:
        connection.close()


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_the_guard_sees_a_missing_policy(
    committed: tuple[Company, Company], owner_connection: psycopg.Connection[Any]
) -> None:
    from accounts.tenancy.row_security import secure

    a, b = committed
    owner_connection.execute("ALTER POLICY company_reads ON pipeline_team USING (true)")
    try:
        with company_context(a.pk), transaction.atomic():
            assert visible() == {a.pk, b.pk}
    finally:
        secure(using="owner")
        connections["owner"].close()
