"""A folder goes in whole or not at all, and says the same as moves recorded one by one."""

import struct
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import AuditEntry, Company
from accounts.tenancy.context import company_context
from pipeline import paths
from pipeline.importers.exchange import DEAL_COLUMNS, ExchangeRefused, open_folder
from pipeline.importers.exchange_check import check_rows
from pipeline.models import (
    Customer,
    Deal,
    DirtyQuarter,
    LostReason,
    Pipeline,
    Rep,
    Source,
    Stage,
    StageTransition,
)
from pipeline.services import load_company as loader
from pipeline.services import load_history
from pipeline.services.facts import check_facts
from pipeline.services.load_company import load_company
from pipeline.services.load_dimensions import loss_level
from tests.golden.company_files import COMPANY as GOLDEN
from tests.pipeline.exchange import folders
from tests.pipeline.exchange.folders import SPOILED, make, replaced, rows

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
BY = Actor.product("tests")


def load(folder, slug="loaded"):
    return load_company(folder=folder, slug=slug, by=BY, now=NOW)


@pytest.fixture
def awkward(tmp_path, db):
    loaded = load(make(tmp_path / "in"))
    with company_context(loaded.company_id):
        yield loaded


def deal(number: int) -> Deal:
    return Deal.objects.get(external_system="exchange", external_id=str(number))


def moves_of(number: int) -> list[StageTransition]:
    return list(StageTransition.objects.filter(deal=deal(number)).order_by("number"))


def test_the_golden_company_goes_in_whole():
    loaded = load(GOLDEN)
    assert (loaded.deals, loaded.transitions, loaded.with_members) == (407, 1622, False)
    with company_context(loaded.company_id):
        assert Deal.objects.count() == 407
        assert StageTransition.objects.count() == 1622
        assert check_facts() == []
        company = Company.objects.get()
        assert company.as_of == datetime(2026, 10, 20, 9, tzinfo=UTC)
        assert (company.currency, company.fiscal_year_start_month) == ("EUR", 4)
        assert Deal.objects.filter(source__isnull=True).count() == 10
        assert Deal.objects.filter(amount__isnull=True).count() == 30


def test_every_cached_field_is_what_the_history_says(awkward):
    assert check_facts() == []
    assert {d.outcome for d in Deal.objects.all()} == {"open", "lost"}


def test_corrections_hold_and_ties_follow_the_ids_of_the_file(awkward):
    # 34 corrects 30, which corrects 21; 33 withdraws the winning.
    held = deal(7)
    assert (held.stage.name, held.outcome, held.closed_on) == ("Held", "open", None)
    assert held.opened_on == date(2026, 4, 1)  # 23:59:59 in Paris
    assert held.stage_entered_on == date(2026, 4, 5)  # 00:30 in Paris, the day before in UTC
    # 31 and 32 replace the same row, and 32 stands first in the file: the higher id holds.
    assert deal(8).stage.name == "Lost"
    # 26 and 27 share an instant, and 27 stands first in the file.
    assert deal(9).stage.name == "Lost"


def test_paths_are_packed_as_the_service_packs_them(awkward):
    packed = bytes(deal(7).path)
    assert len(packed) == 2 * paths.RECORD.size
    at, day, stage = struct.unpack(">qii", packed[16:])
    assert datetime.fromtimestamp(at / 1e6, tz=UTC) == datetime(
        2026, 4, 4, 22, 30, 0, 250_000, tzinfo=UTC
    )
    assert day == date(2026, 4, 5).toordinal() - date(1970, 1, 1).toordinal()
    assert stage == Stage.objects.get(name="Held").pk


def test_rows_are_appended_as_they_stand(awkward):
    moves = moves_of(7)
    assert [move.number for move in moves] == [1, 2, 3, 4, 5, 6]
    assert [move.pk for move in moves] == sorted(move.pk for move in moves)
    # In the order of the file's ids: 20, 21, 24, 30, 33, 34.
    assert [move.replaces_id for move in moves] == [
        None, None, None, moves[1].pk, moves[2].pk, moves[3].pk
    ]  # fmt: skip
    assert moves[4].to_stage is None
    assert {move.origin for move in moves} == {"load"}
    assert moves[0].recorded_at == datetime(2026, 4, 1, 22, tzinfo=UTC)
    assert moves[0].recorded_by is None
    assert moves_of(11)[0].occurred_on == date(2027, 1, 1)


def test_the_version_is_the_one_that_moves_one_by_one_would_leave(awkward):
    assert [deal(n).version for n in (7, 8, 9, 11)] == [6, 4, 2, 1]


def test_text_is_trimmed_and_empty_stays_empty(awkward):
    padded = deal(8)
    assert padded.name == "Padded"
    assert padded.amount is None
    assert padded.currency == "USD"
    assert padded.rep.team is None
    two = deal(9)
    assert two.customer.name == "Beta\nand Co"
    assert (two.amount, two.currency, two.path_known) == (Decimal("0.00"), "EUR", False)
    assert two.source is None
    assert deal(7).name == "Quoted, name"
    assert Customer.objects.count() == 2


def test_dimensions_are_made_once(awkward):
    assert set(Source.objects.values_list("name", "channel")) == {
        ("booking page", "inbound"), ("ABM list", "outbound")
    }  # fmt: skip
    assert set(Rep.objects.values_list("name", "team__name")) == {("Ada", "North"), ("Ben", None)}
    assert list(Pipeline.objects.order_by("position").values_list("name", flat=True)) == [
        "Sales", "Renewals"
    ]  # fmt: skip
    assert deal(11).pipeline.name == "Renewals"
    assert Stage.objects.get(name="Call booked").exit_criterion == "The call took place"


def test_lost_reasons_get_their_first_level(awkward):
    assert set(LostReason.objects.values_list("detail", "level")) == {
        ("Competitor", "competitor"), ("no  decision", "no_decision"), ("price", "other")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "level"),
    [("COMPETITOR", "competitor"), ("No_Decision", "no_decision"), ("timing", "other")],
)
def test_the_first_level_is_read_from_the_text(text, level):
    assert loss_level(text) == level


def test_quarters_are_marked_for_computing(awkward):
    marked = DirtyQuarter.objects.filter(company_id=awkward.company_id)
    starts = set(marked.values_list("quarter_start", flat=True))
    assert starts == {date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1)}


def test_who_loaded_it_is_on_record(awkward):
    entry = AuditEntry.objects.get(action="company.loaded")
    assert (entry.actor, entry.actor_label) == (None, "tests")
    assert entry.after == {"deals": 4, "transitions": 13}


def test_a_company_without_a_deal_is_a_company(tmp_path):
    folder = make(
        tmp_path / "in",
        stages="stage,position,kind\nA,1,open\nW,,won\nL,,lost\n",
        deals=",".join(DEAL_COLUMNS) + "\n",
        transitions="id,deal_id,from_stage,to_stage,occurred_at,recorded_at,replaces\n",
    )
    loaded = load(folder)
    with company_context(loaded.company_id):
        assert (Deal.objects.count(), Stage.objects.count()) == (0, 3)


def test_a_deal_whose_only_move_was_withdrawn_has_no_history(tmp_path):
    text = "\n".join(
        [
            folders.TRANSITIONS.splitlines()[0],
            "1,7,,Call booked,2026-04-01T10:00:00Z,2026-04-01T10:00:00Z,",
            "2,7,Call booked,,2026-04-01T10:00:00Z,2026-04-02T10:00:00Z,1",
        ]
    )
    loaded = load(make(tmp_path / "in", transitions=text))
    with company_context(loaded.company_id):
        empty = deal(7)
        assert (empty.stage, empty.outcome, empty.opened_on) == (None, "", None)
        assert bytes(empty.path) == b""
        assert check_facts() == []


def test_two_companies_are_loaded_in_one_transaction(tmp_path):
    first, second = load(make(tmp_path / "a"), "one"), load(make(tmp_path / "b"), "two")
    for loaded in (first, second):
        with company_context(loaded.company_id):
            assert Deal.objects.count() == 4
            assert check_facts() == []


def test_windows_line_ends_and_a_byte_order_mark_are_no_fault(tmp_path):
    folder = make(tmp_path / "in")
    for name in ("stages.csv", "deals.csv", "transitions.csv"):
        data = (folder / name).read_bytes().replace(b"Beta\nand", b"Beta and")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    loaded = load(folder)
    with company_context(loaded.company_id):
        assert Customer.objects.filter(name="Beta and Co").exists()
        assert check_facts() == []


def nothing_is_left():
    """No row of a company, seen by the loader's own connection after its savepoint is gone."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT app_company_id('loaded')")
        assert cursor.fetchone() == (None,)
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()"
            " AND relkind = 'r'"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_folder_is_refused_with_the_reason_and_nothing_is_left(tmp_path, case):
    file, old, new, _ = SPOILED[case]
    text = replaced(getattr(folders, file.upper()), old, new)
    folder = make(tmp_path / "in", **{file: text})
    with pytest.raises(ExchangeRefused) as refused:
        load(folder)
    assert list(refused.value.faults) == check_rows(open_folder(folder))
    nothing_is_left()


@pytest.mark.parametrize("step", ["resolve_moves", "insert_moves", "insert_deals", "first_day"])
def test_a_fault_in_the_middle_leaves_nothing(tmp_path, monkeypatch, step):
    def broken(*args, **kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(load_history, step, broken)
    with pytest.raises(RuntimeError, match="the disk is full"):
        load(make(tmp_path / "in"))
    nothing_is_left()


def test_a_fault_of_the_machine_is_not_blamed_on_the_folder(tmp_path, monkeypatch):
    from django.db import connection

    def cancelled(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_cancel_backend(pg_backend_pid())")

    monkeypatch.setattr(load_history, "insert_deals", cancelled)
    with pytest.raises(Exception, match="cancel") as error:
        load(make(tmp_path / "in"))
    assert not isinstance(error.value, ExchangeRefused)


def test_what_only_the_database_refuses_is_told_in_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr(loader, "check_rows", lambda folder: [])
    spoiled = replaced(folders.DEALS, "\n8, Padded", "\n7, Padded")
    with pytest.raises(ExchangeRefused, match="the database refused it: "):
        load(make(tmp_path / "in", deals=spoiled))


def test_a_word_that_is_no_slug_is_refused(tmp_path):
    with pytest.raises(DomainError, match="slug"):
        load(make(tmp_path / "in"), slug="no slug at all")


def test_rows_written_and_read_back_are_the_golden_ones():
    loaded = load(GOLDEN)
    names = {row["id"]: row for row in rows(GOLDEN / "deals.csv")}
    with company_context(loaded.company_id):
        found = Deal.objects.select_related("customer", "rep", "rep__team", "source", "product")
        for row in found:
            said = names[row.external_id]
            assert row.name == said["name"]
            assert row.customer.name == said["account"]
            assert (row.rep.name, row.rep.team.name if row.rep.team else "") == (
                said["rep"],
                said["team"],
            )
            assert (row.source.channel if row.source else "") == said["channel"]
            assert row.amount == (Decimal(said["amount"]) if said["amount"] else None)
