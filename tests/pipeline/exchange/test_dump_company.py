"""All that a company owns goes out, and the same comes in again."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import models, transaction

from accounts.actors import Actor
from accounts.models import AuditEntry, Company, Membership, User
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import SignOff, Snapshot
from metrics.services.recompute import recompute_all
from metrics.services.sign_offs import sign_quarter
from metrics.services.verifying import verify_snapshots
from pipeline.importers.exchange import CompanyHead, open_folder
from pipeline.models import Deal, ExchangeRate, LostReason, StageTransition
from pipeline.selectors.dump_company import DumpRefused, dump_company
from pipeline.selectors.owned import DERIVED, LEFT_OUT, owned_tables
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import change_entry
from pipeline.services.deals import change_deal
from pipeline.services.facts import check_facts
from pipeline.services.load_company import load_company
from pipeline.services.moves import correct_transition, move_deal
from pipeline.services.notes import record_activity
from pipeline.services.rates import RateChange, set_rates
from tests.golden.company_files import COMPANY as GOLDEN
from tests.personas import NOW, World, add_deals
from tests.pipeline.exchange import folders
from tests.pipeline.exchange.canonical import canonical, tables_of
from tests.pipeline.exchange.folders import make, rows
from tests.specimens import make_pair

pytestmark = pytest.mark.django_db(transaction=True)
BY = Actor.product("tests")
LATER = NOW + timedelta(days=1)


def load(folder, slug):
    with transaction.atomic():
        loaded = load_company(folder=folder, slug=slug, by=BY, now=LATER)
        recompute_all(company_id=loaded.company_id, now=LATER)
    return loaded.company_id


# What is in it --------------------------------------------------------------------------------


def test_every_model_with_a_companys_rows_is_in_the_dump_or_left_out_for_a_reason():
    with_company = {
        model._meta.label_lower
        for model in apps.get_models()
        if any(
            isinstance(field, models.ForeignKey) and field.related_model is Company
            for field in model._meta.get_fields()
        )
    }
    dumped = {table.label for table in owned_tables()}
    assert dumped | set(LEFT_OUT) == with_company
    assert not dumped & set(LEFT_OUT), "a table is both dumped and left out"
    assert all(LEFT_OUT.values())


def test_every_table_with_a_company_column_is_known_to_the_models(owner_connection):
    found = owner_connection.execute(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'company_id'"
    ).fetchall()
    known = {table.table for table in owned_tables()}
    known |= {apps.get_model(label)._meta.db_table for label in LEFT_OUT}
    assert {name for (name,) in found} == known


def test_every_column_is_dumped_unless_it_is_derived():
    for table in owned_tables():
        columns = {field.column for field in table.model._meta.concrete_fields}
        left_out = DERIVED.get(table.label, frozenset())
        assert set(table.columns) == columns - {"company_id"} - left_out - set(table.secrets)
        assert left_out <= columns, "a derived column that no longer exists"
    assert set(DERIVED) <= {table.label for table in owned_tables()}


def test_every_setting_of_a_company_is_in_company_json():
    fields = {field.name for field in Company._meta.concrete_fields}
    # The slug is given at loading; the token is an address of one installation's mail.
    assert fields - {"id", "slug", "created_at", "mail_token"} == set(
        CompanyHead.__dataclass_fields__
    )


# There and back -------------------------------------------------------------------------------


def lived_in(world: World) -> Company:
    """A company in which everything has happened that leaves rows: also a restatement."""
    a = world.a
    by = a.actor(Role.MANAGER)
    with company_context(a.company.pk):
        with transaction.atomic():
            ExchangeRate.objects.create(
                currency="USD", month=NOW.date().replace(day=1), rate=Decimal("0.1234567890")
            )
        recompute_all(company_id=a.company.pk, now=NOW)
        deal_id = a.deals["lost early"]
        change_deal(
            by=by, deal_id=deal_id, now=LATER, amount=Decimal("12345678901234.56"),
            rep_id=a.reps["Ada"].pk, source_id=None,
        )  # fmt: skip
        with transaction.atomic():
            first = StageTransition.objects.filter(deal_id=deal_id).earliest("number")
        correct_transition(
            by=by, transition_id=first.pk, now=LATER, reason="typed wrongly",
            occurred_at=first.occurred_at - timedelta(hours=5), key="k1",
        )  # fmt: skip
        moved = move_deal(
            by=by, deal_id=a.deals["new"], to_stage_id=a.stages["Held"].pk,
            occurred_at=NOW, now=LATER, key="k2",
        )  # fmt: skip
        correct_transition(by=by, transition_id=moved.transition_id, now=LATER, withdraw=True)
        record_activity(
            by=by, deal_id=a.deals["open"], kind="call", happened_at=NOW, now=LATER,
            subject="Asked about \\ and \"quotes\"\tand tabs", note="Two\nlines, é and 日本",
            rep_id=a.reps["Ben"].pk,
        )  # fmt: skip
        recompute_all(company_id=a.company.pk, now=LATER)
        with transaction.atomic():
            assert Snapshot.objects.filter(version=2).exists(), "nothing was restated"
            start = Snapshot.objects.filter(version=2).earliest("quarter_start").quarter_start
        sign_quarter(by=by, now=LATER, pipeline_id=a.pipeline.pk, quarter_start=start)
        change_settings(world)
        recompute_all(company_id=a.company.pk, now=LATER + timedelta(hours=2))
    return a.company


def change_settings(world: World) -> None:
    """A source goes to the other channel, a reason to another level, a rate is corrected."""
    a, now = world.a, LATER + timedelta(hours=1)
    by = a.actor(Role.OWNER)
    with transaction.atomic():
        reason = LostReason.objects.create(detail="Too dear", level="other")
    change_deal(
        by=by, deal_id=a.deals["lost early"], now=now, lost_reason_id=reason.pk, currency="USD"
    )
    recompute_all(company_id=a.company.pk, now=now)
    now += timedelta(hours=1)
    for slug, pk, values in (
        ("sources", a.sources["Calls"].pk, {"channel": "inbound"}),
        ("lost-reasons", reason.pk, {"level": "competitor"}),
    ):
        change_entry(by=by, catalogue=CATALOGUES[slug], entry_id=pk, values=values, now=now)
    set_rates(by=by, changes=[RateChange("USD", date(2026, 1, 1), Decimal("0.5"))], now=now)


def settings_told() -> set[str]:
    """The settings that restatements name as a cause; each fact must be there, by its id."""
    told = set()
    for cause in Snapshot.objects.filter(version__gt=1).values_list("cause", flat=True):
        for fact in cause["facts"]:
            if fact["deal_id"] is None:
                assert AuditEntry.objects.get(pk=fact["id"]).action == fact["what"]
                told.add(fact["what"])
    return told


def test_a_company_comes_back_as_it_was(committed_world, tmp_path):
    company = lived_in(committed_world)
    dump_company(company_id=company.pk, target=tmp_path / "out")
    again = load(tmp_path / "out", "again")
    assert again != company.pk
    with company_context(again), transaction.atomic():
        assert check_facts() == []
        assert settings_told() == {"source.changed", "lost_reason.changed", "rates.changed"}
        assert SignOff.objects.exists()
    verified = verify_snapshots(company_id=again, race=timedelta())
    assert (verified.wrong, verified.unproved, verified.signatures) == ((), (), 1)
    dump_company(company_id=again, target=tmp_path / "second")
    was, now = canonical(tmp_path / "out"), canonical(tmp_path / "second")
    for label, expected in was.items():
        assert now[label] == expected, label
    for name in ("stages.csv", "deals.csv", "transitions.csv", "company.json"):
        assert (tmp_path / "second" / name).read_text() == (tmp_path / "out" / name).read_text()


def test_a_row_of_every_table_comes_back(transactional_db, tmp_path):
    company, _ = make_pair()
    dump_company(company_id=company.pk, target=tmp_path / "out")
    assert all(tables_of(tmp_path / "out").values()), "a table without a row shows nothing"
    with transaction.atomic():
        loaded = load_company(folder=tmp_path / "out", slug="again", by=BY, now=LATER)
    dump_company(company_id=loaded.company_id, target=tmp_path / "second")
    assert_same_but_for_paths(tmp_path)


def assert_same_but_for_paths(tmp_path):
    was, now = canonical(tmp_path / "out"), canonical(tmp_path / "second")
    for label, expected in was.items():
        assert now[label] == expected, label


def test_the_golden_folder_comes_back_row_by_row(transactional_db, tmp_path):
    company_id = load(GOLDEN, "golden")
    dump_company(company_id=company_id, target=tmp_path / "out")
    for name in ("stages.csv", "transitions.csv"):
        assert (tmp_path / "out" / name).read_text() == (GOLDEN / name).read_text()
    assert json.loads((tmp_path / "out" / "company.json").read_text()) == json.loads(
        (GOLDEN / "company.json").read_text()
    )

    def by_value(row):
        return {**row, "amount": Decimal(row["amount"]) if row["amount"] else None}

    mine, theirs = rows(tmp_path / "out" / "deals.csv"), rows(GOLDEN / "deals.csv")
    assert [by_value(row) for row in mine] == [by_value(row) for row in theirs]


def test_the_four_files_alone_give_the_same_figures(transactional_db, tmp_path):
    first = load(make(tmp_path / "in"), "first")
    dump_company(company_id=first, target=tmp_path / "out")
    (tmp_path / "out" / "more").rename(tmp_path / "more")
    second = load(tmp_path / "out", "second")

    def figures(company_id):
        with company_context(company_id), transaction.atomic():
            return list(
                Snapshot.objects.order_by("quarter_start", "pipeline__name", "segment").values_list(
                    "quarter_label", "pipeline__name", "segment", "version", "figures"
                )
            )

    assert figures(first) == figures(second)
    assert figures(first)


def test_a_retired_stage_comes_back_from_the_four_files(transactional_db, tmp_path):
    heading, *lines = folders.STAGES.splitlines()
    text = f"{heading},retired_at,replaced_by\n" + "".join(f"{line},,\n" for line in lines)
    text += "Old held,,open,Sales,,2026-05-01T00:00:00Z,Held\n"
    first = load(make(tmp_path / "in", stages=text), "first")
    dump_company(company_id=first, target=tmp_path / "out")
    (tmp_path / "out" / "more").rename(tmp_path / "more")
    assert open_folder(tmp_path / "out").stages == tuple(
        sorted(
            open_folder(tmp_path / "in").stages,
            key=lambda s: (
                s.pipeline == "Renewals",
                s.position or 9,
                s.kind != "open",
                s.kind != "won",
            ),
        )
    )


def test_computing_again_after_restoring_writes_nothing(transactional_db, tmp_path):
    company_id = load(GOLDEN, "golden")
    dump_company(company_id=company_id, target=tmp_path / "out")
    with transaction.atomic():
        loaded = load_company(folder=tmp_path / "out", slug="again", by=BY, now=LATER)
    done = recompute_all(company_id=loaded.company_id, now=LATER)
    assert len(done) == 7
    assert {(quarter.written, quarter.removed) for quarter in done} == {(0, 0)}


def test_ids_in_deals_csv_stay_when_deals_are_added(committed_world, tmp_path):
    a = committed_world.a
    dump_company(company_id=a.company.pk, target=tmp_path / "out")
    again = load(tmp_path / "out", "again")
    before = rows(tmp_path / "out" / "deals.csv")
    add_deals(a)
    dump_company(company_id=a.company.pk, target=tmp_path / "later")
    assert rows(tmp_path / "later" / "deals.csv")[: len(before)] == before
    loaded = load(make(tmp_path / "in"), "given")
    with company_context(loaded), transaction.atomic():
        Deal.objects.filter(external_id="8").update(external_id="")
    dump_company(company_id=loaded, target=tmp_path / "given")
    assert [row["id"] for row in rows(tmp_path / "given" / "deals.csv")] == ["7", "9", "11", "12"]
    assert again


# Users ----------------------------------------------------------------------------------------


def test_members_come_back_by_address_and_unknown_ones_without_password(committed_world, tmp_path):
    a = committed_world.a
    dump_company(company_id=a.company.pk, target=tmp_path / "out")
    known = a.user(Role.OWNER)
    text = (tmp_path / "out" / "more" / "accounts.membership.jsonl").read_text()
    assert known.email in text
    again = load(tmp_path / "out", "again")
    with company_context(again), transaction.atomic():
        roles = dict(Membership.objects.values_list("user__email", "role"))
    assert roles[known.email] == "owner"
    assert len(roles) == 4
    assert User.objects.filter(email=known.email).count() == 1


def test_users_who_are_unknown_here_are_made_without_a_password(
    committed_world, tmp_path, owner_connection
):
    company = lived_in(committed_world)
    dump_company(company_id=company.pk, target=tmp_path / "out")
    from tests.database import empty_tables

    empty_tables(owner_connection.info.dbname)
    again = load(tmp_path / "out", "again")
    with company_context(again), transaction.atomic():
        roles = dict(Membership.objects.values_list("user__email", "role"))
    assert sorted(roles.values()) == ["leader", "manager", "owner", "rep"]
    for user in User.objects.all():
        assert not user.has_usable_password()
        assert user.is_active is (user.email in roles)


def test_no_secret_of_a_user_is_written(committed_world, tmp_path):
    dump_company(company_id=committed_world.a.company.pk, target=tmp_path / "out")
    users = [
        json.loads(line)
        for line in (tmp_path / "out" / "more" / "users.jsonl").read_text().splitlines()
    ]
    assert users
    assert all(set(user) == {"email", "name", "locale"} for user in users)


def test_tokens_are_not_written_and_open_nothing_after_restoring(transactional_db, tmp_path):
    from accounts.models import Invitation

    company, _ = make_pair()
    with company_context(company.pk), transaction.atomic():
        token = Invitation.objects.get().token_hash
    dump_company(company_id=company.pk, target=tmp_path / "out")
    text = (tmp_path / "out/more/accounts.invitation.jsonl").read_text()
    assert '"email"' in text
    assert "token" not in text
    again = load_company(folder=tmp_path / "out", slug="again", by=BY, now=LATER).company_id
    with company_context(again), transaction.atomic():
        assert len(Invitation.objects.get().token_hash) >= 32
        assert Invitation.objects.get().token_hash != token


def test_nothing_of_the_neighbour_is_written(committed_world, tmp_path):
    from tests.personas import CANARY

    dump_company(company_id=committed_world.a.company.pk, target=tmp_path / "out")
    for file in (tmp_path / "out").rglob("*.*"):
        assert CANARY not in file.read_text(), file


# Where it is written --------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_not_touched_unless_forced(committed_alpha, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "letter.txt").write_text("mine")
    with pytest.raises(DumpRefused, match="not empty"):
        dump_company(company_id=committed_alpha.company.pk, target=target)
    assert [file.name for file in target.iterdir()] == ["letter.txt"]
    dump_company(company_id=committed_alpha.company.pk, target=target, force=True)
    assert not (target / "letter.txt").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled_and_a_file_is_refused(committed_alpha, tmp_path):
    (tmp_path / "empty").mkdir()
    dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "empty")
    assert (tmp_path / "empty" / "deals.csv").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(DumpRefused, match="is a file"):
        dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "file")


def test_an_interrupted_dump_leaves_no_half_folder(committed_alpha, tmp_path, monkeypatch):
    from pipeline.selectors import dump_company as module

    def broken(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_users_query", broken)
    with pytest.raises(DumpRefused, match="No space left"):
        dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_it_is_one_view_of_the_data(committed_world, tmp_path, monkeypatch, owner_connection):
    """A customer and a deal that another session commits meanwhile are in no file."""
    from pipeline.selectors import dump_company as module

    company_id = committed_world.a.company.pk
    original = module._deals_query

    def with_a_writer(*args):
        owner_connection.execute(
            "INSERT INTO pipeline_customer (company_id, name) VALUES (%s, 'Meanwhile')",
            [company_id],
        )
        return original(*args)

    monkeypatch.setattr(module, "_deals_query", with_a_writer)
    dump_company(company_id=company_id, target=tmp_path / "out")
    assert "Meanwhile" not in (tmp_path / "out/more/pipeline.customer.jsonl").read_text()
    found = owner_connection.execute(
        "SELECT count(*) FROM pipeline_customer WHERE name='Meanwhile'"
    )
    assert found.fetchone() == (1,)


# What does not fit ----------------------------------------------------------------------------
