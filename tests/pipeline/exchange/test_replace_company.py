"""One company in the place of another: whole before, whole after, nothing in between."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from accounts.models import Company, Membership
from accounts.roles import Role
from accounts.selectors.companies import company_id_of
from accounts.tenancy.context import company_context
from metrics.models import Snapshot
from pipeline.models import Deal, Rep
from pipeline.services import replace_company
from pipeline.services.facts import check_facts
from tests.personas import World
from tests.pipeline.exchange import folders
from tests.pipeline.exchange.folders import make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def load(folder, slug, **options):
    call_command("load_company", str(folder), slug=slug, verbosity=0, **options)


def count(owner_connection, table, company_id):
    query = f"SELECT count(*) FROM {table} WHERE company_id = %s"
    return owner_connection.execute(query, [company_id]).fetchone()[0]


def everything_of(owner_connection, company_id):
    return {
        table: count(owner_connection, table, company_id)
        for table in replace_company.tenant_tables()
    }


def test_loading_computes_every_quarter(transactional_db, tmp_path):
    load(make(tmp_path / "in"), "new")
    with company_context(company_id_of("new")), transaction.atomic():
        starts = Snapshot.objects.filter(segment="all").values_list("quarter_label", flat=True)
        assert {"FY2026-Q4", "FY2027-Q1", "FY2027-Q2", "FY2027-Q3"} >= set(starts) >= {"FY2027-Q1"}
        assert check_facts() == []


def test_a_taken_slug_is_refused_without_replace(committed_world, tmp_path):
    with pytest.raises(CommandError, match="There is a company called alpha"):
        load(make(tmp_path / "in"), "alpha")


def test_a_wrong_slug_is_refused(transactional_db, tmp_path):
    with pytest.raises(CommandError, match="no slug"):
        load(make(tmp_path / "in"), "two words")


def test_faults_are_listed_and_nothing_is_left(transactional_db, tmp_path, owner_connection):
    spoiled = folders.DEALS.replace("1200.50", "much")
    with pytest.raises(CommandError) as refused:
        load(make(tmp_path / "in", deals=spoiled), "new")
    assert str(refused.value).splitlines()[0] == "Nothing was loaded. 1 fault:"
    assert "deals.csv, line 2, amount: much is not an amount" in str(refused.value)
    assert owner_connection.execute("SELECT count(*) FROM accounts_company").fetchone() == (0,)


def test_a_fault_while_computing_leaves_nothing(
    transactional_db, tmp_path, monkeypatch, owner_connection
):
    from metrics.management.commands import load_company as command

    def broken(**kwargs):
        raise RuntimeError("no memory")

    monkeypatch.setattr(command, "recompute_all", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        load(make(tmp_path / "in"), "new")
    for table in ("accounts_company", "pipeline_deal", "pipeline_dirtyquarter"):
        assert owner_connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_the_new_company_takes_the_place_and_keeps_the_members(
    committed_world: World, tmp_path, owner_connection
):
    old = committed_world.a
    load(make(tmp_path / "in"), "alpha", replace=True)
    new_id = company_id_of("alpha")
    assert new_id != old.company.pk
    with company_context(new_id), transaction.atomic():
        assert Company.objects.get(pk=new_id).name == "Awkward Coaching"
        assert Deal.objects.count() == 4
        assert check_facts() == []
        roles = dict(Membership.objects.values_list("user__email", "role"))
        assert roles[old.user(Role.OWNER).email] == "owner"
        assert len(roles) == 4
        # The rep of the same name stays linked to the login.
        ada = Rep.objects.get(name="Ada")
        assert ada.membership.user == old.user(Role.REP)
    assert set(everything_of(owner_connection, old.company.pk).values()) == {0}
    slugs = owner_connection.execute("SELECT slug FROM accounts_company ORDER BY slug").fetchall()
    assert slugs == [("alpha",), ("beta",)]


def test_the_neighbour_is_not_touched(committed_world: World, tmp_path, owner_connection):
    before = everything_of(owner_connection, committed_world.b.company.pk)
    load(make(tmp_path / "in"), "alpha", replace=True)
    assert everything_of(owner_connection, committed_world.b.company.pk) == before


def test_a_dumped_company_brings_its_own_members(committed_world: World, tmp_path):
    call_command("dump_company", str(tmp_path / "out"), slug="beta", verbosity=0)
    load(tmp_path / "out", "alpha", replace=True)
    with company_context(company_id_of("alpha")), transaction.atomic():
        emails = set(Membership.objects.values_list("user__email", flat=True))
    assert emails == {m.user.email for m in committed_world.b.members.values()}


def test_replacing_a_slug_that_is_free_is_loading(transactional_db, tmp_path):
    load(make(tmp_path / "in"), "free", replace=True)
    assert company_id_of("free") is not None


def test_a_crash_before_the_end_leaves_the_old_company_and_the_next_run_clears_up(
    committed_world: World, tmp_path, monkeypatch, owner_connection
):
    old_id = committed_world.a.company.pk
    before = everything_of(owner_connection, old_id)
    original = replace_company.remove_rows

    def crash_at_the_end(*, company_id):
        original(company_id=company_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(replace_company, "remove_rows", crash_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        load(make(tmp_path / "in"), "alpha", replace=True)
    assert company_id_of("alpha") == old_id
    assert everything_of(owner_connection, old_id) == before
    leftover = company_id_of(replace_company.incoming_slug("alpha"))
    assert leftover is not None
    monkeypatch.undo()
    load(make(tmp_path / "in"), "alpha", replace=True)
    assert company_id_of(replace_company.incoming_slug("alpha")) is None
    assert set(everything_of(owner_connection, leftover).values()) == {0}
    assert company_id_of("alpha") not in (old_id, leftover)


def test_a_refused_folder_does_not_touch_the_old_company(
    committed_world: World, tmp_path, owner_connection
):
    old_id = committed_world.a.company.pk
    before = everything_of(owner_connection, old_id)
    with pytest.raises(CommandError, match="Nothing was loaded"):
        load(make(tmp_path / "in", transitions="id\n1\n"), "alpha", replace=True)
    assert company_id_of("alpha") == old_id
    assert everything_of(owner_connection, old_id) == before


def test_replacing_needs_the_owner_role(committed_world: World, tmp_path, monkeypatch):
    monkeypatch.setattr(replace_company, "OWNER", "an address that is not set")
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        load(make(tmp_path / "in"), "alpha", replace=True)


def test_every_key_into_a_long_table_has_an_index(owner_connection):
    """Else removing a company looks through all its rows once for each of them."""
    keys = owner_connection.execute(
        """
        SELECT c.conrelid::regclass::text || '.' || a.attname,
               EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid
                       AND i.indkey[0] = c.conkey[1] AND i.indkey[1] = c.conkey[2])
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[2]
        WHERE c.contype = 'f' AND array_length(c.conkey, 1) = 2
          AND c.confrelid::regclass::text = ANY(%s)
        """,
        [
            [
                "pipeline_activity",
                "pipeline_contact",
                "pipeline_customer",
                "pipeline_deal",
                "pipeline_emailmessage",
                "pipeline_note",
                "pipeline_stagetransition",
            ]
        ],
    ).fetchall()
    assert len(keys) >= 9
    assert [name for name, indexed in keys if not indexed] == []


def test_long_slugs_wait_under_a_slug_that_fits():
    assert len(replace_company.incoming_slug("x" * 60)) == 60


def test_dump_company_says_what_it_wrote_and_refuses_in_a_sentence(
    committed_world, tmp_path, capsys
):
    call_command("dump_company", str(tmp_path / "out"), slug="alpha")
    assert capsys.readouterr().out.startswith("Wrote 6 deals, 16 transitions and all else of alpha")
    with pytest.raises(CommandError, match="not empty"):
        call_command("dump_company", str(tmp_path / "out"), slug="alpha")
    with pytest.raises(CommandError, match="no company with the slug nobody"):
        call_command("dump_company", str(tmp_path / "out"), slug="nobody")


def test_the_owner_is_let_go_afterwards(committed_world, tmp_path):
    load(make(tmp_path / "in"), "alpha", replace=True)
    assert not connections["owner"].in_atomic_block
