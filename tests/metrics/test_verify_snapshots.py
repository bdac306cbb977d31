"""Stored quarters against their signatures, each other, and the facts known at their time."""

import io
import re
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Model

from accounts.actors import Actor
from accounts.roles import Role
from accounts.selectors.companies import company_id_of
from accounts.tenancy.context import company_context
from metrics.models import QuarterReview, SignOff, Snapshot
from metrics.services.causes import Known
from metrics.services.recompute import recompute_quarter
from metrics.services.sign_offs import sign_quarter
from metrics.services.sweep import behind
from metrics.services.verifying import verify_snapshots
from pipeline.models import Product, Rep, Source, Team
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import change_entry, merge_entries
from pipeline.services.deals import change_deal
from pipeline.services.moves import correct_transition
from pipeline.services.rates import RateChange, set_rates
from tests.metrics.builders import BY, Small, at, small_company
from tests.personas import make_user

pytestmark = pytest.mark.django_db
Q1 = date(2026, 1, 1)
NO_RACE = timedelta(0)


def sweep(small: Small, now: str) -> None:
    for company_id, start in behind(now=at(now), company_id=small.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=at(now))


@contextmanager
def closed_quarter(slug: str = "small"):
    """Q1 2026, final: a win, a loss, a deal that stays open."""
    with small_company(slug) as small:
        won = small.opens("2026-02-02", amount="1500")
        small.moves(won.deal_id, small.met, "2026-02-12")
        small.moves(won.deal_id, small.won, "2026-03-02")
        lost = small.opens("2026-02-05", rep_id=None)
        small.moves(lost.deal_id, small.lost, "2026-03-20")
        left = small.opens("2026-02-20", amount=None)
        sweep(small, "2026-04-09")
        yield small, won, lost, left


def wrongs(small: Small) -> list[tuple[str, str, int, str, str]]:
    found = verify_snapshots(company_id=small.company.pk, race=NO_RACE).wrong
    return [(w.what, w.quarter, w.version, w.segment, w.field) for w in found]


@contextmanager
def stored_otherwise(monkeypatch: pytest.MonkeyPatch, field: str, value: object, version: int = 1):
    """As if somebody with the owner's rights had changed a stored figure.

    Rows of a test's transaction are nobody else's, so it is changed on its way out of the table.
    """

    def from_db(cls, db, names, values):  # type: ignore[no-untyped-def]
        row = Model.from_db.__func__(cls, db, names, values)  # type: ignore[attr-defined]
        if (row.quarter_start, row.segment, row.version) == (Q1, "all", version):
            row.figures = {**row.figures, field: value}
        return row

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "from_db", classmethod(from_db))
        yield


def signs(small: Small) -> SignOff:
    with transaction.atomic():
        manager = Actor(make_user("manager@small.example").pk, "Manager", Role.MANAGER)
        return sign_quarter(
            by=manager, now=at("2026-04-10"), pipeline_id=small.pipeline_id, quarter_start=Q1
        )


def versions() -> list[int]:
    return sorted(
        Snapshot.objects.filter(quarter_start=Q1, segment="all").values_list("version", flat=True)
    )


def test_every_version_is_what_was_known_at_its_time() -> None:
    with closed_quarter() as (small, won, lost, left):
        # Everything that makes a restatement: a late entry, a correction, attributes, a new deal.
        late = small.moves(left.deal_id, small.lost, "2026-03-28", now="2026-04-20")
        sweep(small, "2026-04-20T13:00")
        change_deal(by=BY, deal_id=won.deal_id, now=at("2026-05-02"), amount=Decimal(1700))
        sweep(small, "2026-05-02T13:00")
        correct_transition(
            by=BY, transition_id=late.transition_id, now=at("2026-05-09"), withdraw=True
        )
        sweep(small, "2026-05-09T13:00")
        change_deal(by=BY, deal_id=lost.deal_id, now=at("2026-06-01"), rep_id=small.rep)
        sweep(small, "2026-06-01T13:00")
        small.opens("2026-03-03", now="2026-06-02")
        sweep(small, "2026-06-02T13:00")
        assert versions() == [1, 2, 3, 4, 6]  # 5 moved a deal between reps: `all` is as it was
        found = verify_snapshots(company_id=small.company.pk, race=NO_RACE)
        assert (found.wrong, found.unproved) == ((), ())
        assert found.versions == 6
        assert found.rows > 40


def test_a_renamed_catalogue_row_is_taken_back_for_the_versions_before() -> None:
    with closed_quarter() as (small, *_deals):
        sources = CATALOGUES["sources"]
        change_entry(
            by=BY,
            catalogue=sources,
            entry_id=small.inbound,
            values={"name": "word of mouth", "channel": "outbound"},
            now=at("2026-05-02"),
        )
        sweep(small, "2026-05-02T13:00")
        change_entry(
            by=BY,
            catalogue=CATALOGUES["reps"],
            entry_id=small.rep,
            values={"name": "Ada Quist-Moor"},
            now=at("2026-05-03"),
        )
        sweep(small, "2026-05-03T13:00")
        assert Snapshot.objects.filter(quarter_start=Q1).latest("version").version == 3
        assert Source.objects.get(pk=small.inbound).channel == "outbound"
        assert wrongs(small) == []


def test_a_merge_of_two_products_is_taken_back_too() -> None:
    with small_company() as small:
        with transaction.atomic():
            one, two = (Product.objects.create(name=name).pk for name in ("Basic", "Pro"))
        deal = small.opens("2026-02-02", product_id=one)
        small.moves(deal.deal_id, small.won, "2026-03-02")
        small.opens("2026-02-03", product_id=two)
        sweep(small, "2026-04-09")
        merge_entries(
            by=BY,
            catalogue=CATALOGUES["products"],
            entry_id=one,
            into_id=two,
            now=at("2026-05-02"),
        )
        sweep(small, "2026-05-02T13:00")
        assert Snapshot.objects.filter(quarter_start=Q1, version=2).exists()
        assert wrongs(small) == []


@contextmanager
def closed_in_francs():
    """Q1 2026, final: a win of 1,000 francs at 1.5, of a rep in a team; then March is 1.25."""
    with small_company() as small:
        with transaction.atomic():
            north = Team.objects.create(name="North")
            Rep.objects.filter(pk=small.rep).update(team=north)
        sets_rate(small, "1.5", "2026-01-02")
        deal = small.opens("2026-02-02", currency="CHF")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        sweep(small, "2026-04-09")
        yield small, north


def sets_rate(small: Small, rate: str | None, now: str) -> None:
    value = None if rate is None else Decimal(rate)
    set_rates(by=BY, changes=[RateChange("CHF", date(2026, 3, 1), value)], now=at(now))
    sweep(small, f"{now}T13:00")


def test_a_rate_that_changed_is_taken_back_for_the_versions_before() -> None:
    with closed_in_francs() as (small, _team):
        for rate, now in (("1.25", "2026-05-02"), (None, "2026-05-03"), ("2", "2026-05-04")):
            sets_rate(small, rate, now)
        rows = Snapshot.objects.filter(quarter_start=Q1, segment="all").order_by("version")
        assert [row.figures["revenue_won"] for row in rows] == [1500, 1250, None, 2000]
        assert [row.cause["facts"][0]["what"] for row in rows[1:]] == ["rates.changed"] * 3
        found = verify_snapshots(company_id=small.company.pk, race=NO_RACE)
        assert (found.wrong, found.unproved) == ((), ())


def test_teams_that_were_merged_are_taken_back_too() -> None:
    with closed_in_francs() as (small, north):
        with transaction.atomic():
            south = Team.objects.create(name="South")
        merge_entries(
            by=BY, catalogue=CATALOGUES["teams"], entry_id=north.pk, into_id=south.pk,
            now=at("2026-05-02"),
        )  # fmt: skip
        sweep(small, "2026-05-02T13:00")
        won = Snapshot.objects.filter(quarter_start=Q1, segment__in=("team=North", "team=South"))
        assert sorted((r.segment, r.version, r.figures["won"]) for r in won) == [
            ("team=North", 1, 1),
            ("team=North", 2, 0),
            ("team=South", 2, 1),
        ]
        found = verify_snapshots(company_id=small.company.pk, race=NO_RACE)
        assert (found.wrong, found.unproved) == ((), ())


def test_a_later_rate_or_merged_team_does_not_hide_what_was_tampered_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closed_in_francs() as (small, north):
        with transaction.atomic():
            south = Team.objects.create(name="South")
        sets_rate(small, "1.25", "2026-05-02")
        merge_entries(
            by=BY, catalogue=CATALOGUES["teams"], entry_id=north.pk, into_id=south.pk,
            now=at("2026-05-03"),
        )  # fmt: skip
        sweep(small, "2026-05-03T13:00")
        assert wrongs(small) == []
        for field, value, expected in (("won", 2, 1), ("revenue_won", 1250.0, 1500.0)):
            with stored_otherwise(monkeypatch, field, value):
                assert ("recount", "2026-Q1", 1, "all", field) in wrongs(small)
                said = io.StringIO()
                with pytest.raises(CommandError, match="not what they should be"):
                    call_command("verify_snapshots", "--company", "small", stdout=said)
                assert f"all: {field} is {value}, should be {expected}" in said.getvalue()


def test_what_closed_too_early_by_a_clock_that_ran_ahead_hides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        for now in ("2026-02-02T13:00", "2026-04-09", "2026-02-20"):
            sweep(small, now)
        small.moves(deal.deal_id, small.won, "2026-03-02")
        for now in ("2026-03-02T13:00", "2026-04-08"):
            sweep(small, now)
        assert versions() == [1, 2]
        assert wrongs(small) == []
        # What it would be had it known the move that came later: it did not.
        with stored_otherwise(monkeypatch, "won", 1):
            assert ("recount", "2026-Q1", 1, "all", "won") in wrongs(small)
        with stored_otherwise(monkeypatch, "won", 0, version=2):
            assert ("recount", "2026-Q1", 2, "all", "won") in wrongs(small)


def test_what_was_recorded_while_it_was_computed_is_known_by_its_id_or_by_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closed_quarter() as (small, won, *_deals):
        # The worker began, and waited for this writer, whose change it then saw.
        change_deal(
            by=BY,
            deal_id=won.deal_id,
            now=at("2026-05-02T13:00") + timedelta(seconds=2),
            amount=Decimal(1700),
        )
        sweep(small, "2026-05-02T13:00")
        assert wrongs(small) == []
        # A version that names no facts was stored before versions did: its time is all it has.
        monkeypatch.setattr(Known, "of", classmethod(lambda cls, stored: None))
        assert len(wrongs(small)) > 5
        assert verify_snapshots(company_id=small.company.pk).wrong == ()


def test_a_signed_quarter_outlives_a_late_loss_and_a_deal_that_comes_back() -> None:
    with closed_quarter() as (small, _won, lost, left):
        signed = signs(small)
        with transaction.atomic():
            before = told_by_rows()
        # The deal that was lost in Q1 comes back in Q3: nothing of Q1 moves.
        small.moves(lost.deal_id, small.met, "2026-07-20")
        sweep(small, "2026-07-20T13:00")
        with transaction.atomic():
            assert told_by_rows() == before
        # A loss of Q1 is entered in August, and swept twice: one version, and why.
        small.moves(left.deal_id, small.lost, "2026-03-28", now="2026-08-03")
        sweep(small, "2026-08-03T13:00")
        sweep(small, "2026-08-04")
        with transaction.atomic():
            assert versions() == [1, 2]
            row = Snapshot.objects.get(quarter_start=Q1, segment="all", version=2)
            assert row.cause["fields"]["lost"] == [1, 2]
            assert [fact["what"] for fact in row.cause["facts"]] == ["move"]
            told = [row for row in told_by_rows() if row[1] == 1]
            assert told == before  # what was signed is there, word for word
            back = SignOff.objects.get()
            assert (back.digest, back.versions) == (signed.digest, signed.versions)
        found = verify_snapshots(company_id=small.company.pk, race=NO_RACE)
        assert (found.wrong, found.unproved, found.signatures) == ((), (), 1)


def test_a_rep_is_read_from_the_deal_and_not_from_today() -> None:
    with closed_quarter() as (small, won, *_deals):
        with transaction.atomic():
            other = Rep.objects.create(name="Bea").pk
        change_deal(by=BY, deal_id=won.deal_id, now=at("2026-05-02"), rep_id=other)
        sweep(small, "2026-05-02T13:00")
        assert Snapshot.objects.get(segment="rep=Bea", quarter_start=Q1).figures["won"] == 1
        assert wrongs(small) == []


def test_a_figure_changed_behind_the_product_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_quarter() as (small, *_deals):
        assert wrongs(small) == []
        with stored_otherwise(monkeypatch, "won", 2):
            assert wrongs(small) == [("recount", "2026-Q1", 1, "all", "won")]
        assert wrongs(small) == []


def test_a_signature_no_longer_fits_a_changed_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_quarter() as (small, *_deals):
        signs(small)
        assert wrongs(small) == []
        with stored_otherwise(monkeypatch, "lost", 7):
            found = {(what, field) for what, _quarter, _version, _segment, field in wrongs(small)}
            assert found == {("signature", "digest"), ("recount", "lost")}


def test_a_restatement_tells_what_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_quarter() as (small, won, *_deals):
        change_deal(by=BY, deal_id=won.deal_id, now=at("2026-05-02"), amount=Decimal(1700))
        sweep(small, "2026-05-02T13:00")
        with stored_otherwise(monkeypatch, "won", 9, version=2):
            found = {(what, field) for what, _quarter, _version, _segment, field in wrongs(small)}
            assert found == {("restatement", "won"), ("recount", "won")}


def test_the_command_lists_what_is_wrong_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_quarter() as (small, *_deals):
        said = io.StringIO()
        call_command("verify_snapshots", "--company", small.company.slug, stdout=said)
        assert re.search(
            r"small: 0 signatures, 1 final versions, \d+ rows, 0 differences", said.getvalue()
        )
        with stored_otherwise(monkeypatch, "won", 2), pytest.raises(CommandError, match="1 value"):
            call_command("verify_snapshots", "--company", small.company.slug, stdout=said)
        assert "small: recount, 2026-Q1 version 1 all: won is 2, should be 1" in said.getvalue()
        with stored_otherwise(monkeypatch, "won", 2):
            # Nothing was signed or restated: without a recount nothing tells.
            call_command(
                "verify_snapshots", "--company", small.company.slug, "--without-recount",
                stdout=said,
            )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_versions_and_signatures_come_back_from_a_dump_and_still_verify(tmp_path: Path) -> None:
    with closed_quarter() as (small, won, *_deals):
        signed = signs(small)
        change_deal(by=BY, deal_id=won.deal_id, now=at("2026-05-02"), amount=Decimal(1700))
        sweep(small, "2026-05-02T13:00")
        values = {"quarter_start": Q1, "quarter_label": "2026-Q1", "changed_at": at("2026-04-11")}
        with transaction.atomic():
            QuarterReview.objects.create(
                pipeline_id=small.pipeline_id,
                summary="As planned.",
                bets=["Call", "", ""],
                **values,
            )
            stored = told_by_rows()
    call_command("dump_company", tmp_path / "dump", "--slug", "small")
    call_command("load_company", tmp_path / "dump", "--slug", "again")
    restored = company_id_of("again")
    assert restored is not None
    with company_context(restored), transaction.atomic():
        assert told_by_rows() == stored
        back = SignOff.objects.get()
        assert (back.digest, back.versions, back.at) == (signed.digest, signed.versions, signed.at)
        assert QuarterReview.objects.get().bets == ["Call", "", ""]
    verified = verify_snapshots(company_id=restored, race=NO_RACE)
    assert (verified.wrong, verified.unproved) == ((), ())
    assert verified.signatures == 1
    assert verified.versions >= 2  # quarters that ended since were closed at loading


@pytest.mark.django_db(transaction=True)
def test_rows_changed_and_removed_by_the_owner_of_the_tables_are_found(
    owner_connection: Any,
) -> None:
    with closed_quarter() as (small, won, *_deals):
        signs(small)
        for day, amount in ((2, 1700), (3, 1900)):
            change_deal(
                by=BY, deal_id=won.deal_id, now=at(f"2026-05-0{day}"), amount=Decimal(amount)
            )
            sweep(small, f"2026-05-0{day}T13:00")
        with transaction.atomic():
            assert versions() == [1, 2, 3]
        assert wrongs(small) == []

        place = "WHERE quarter_start = %s AND segment = 'all' AND version = %s"
        owner_connection.execute(
            "UPDATE metrics_snapshot SET figures = jsonb_set(figures, '{won}', '2'),"
            f" digest = 'made to fit' {place}",
            [Q1, 1],
        )
        found = {(what, version, field) for what, _q, version, _s, field in wrongs(small)}
        # A signed figure, and one that the next version did not tell as changed.
        assert found == {
            ("signature", 1, "digest"),
            ("restatement", 2, "won"),
            ("recount", 1, "won"),
        }
        said = io.StringIO()
        with pytest.raises(CommandError, match="3 values"):
            call_command("verify_snapshots", "--company", "small", stdout=said)
        assert "small: recount, 2026-Q1 version 1 all: won is 2, should be 1" in said.getvalue()

        owner_connection.execute(
            f"UPDATE metrics_snapshot SET figures = jsonb_set(figures, '{{won}}', '1') {place}",
            [Q1, 1],
        )
        assert wrongs(small) == []
        owner_connection.execute(
            "DELETE FROM metrics_snapshot WHERE quarter_start = %s AND version = 2", [Q1]
        )
        assert ("versions", "2026-Q1", 2, "", "row") in wrongs(small)
        owner_connection.execute(f"DELETE FROM metrics_snapshot {place}", [Q1, 1])
        assert ("signature", "2026-Q1", 1, "all", "row") in wrongs(small)


@pytest.mark.django_db(transaction=True)
def test_a_signature_rewritten_by_the_owner_of_the_tables_is_found(owner_connection: Any) -> None:
    with closed_quarter() as (small, *_deals):
        signed = signs(small)
        owner_connection.execute(
            "UPDATE metrics_signoff SET digest = %s WHERE id = %s", ["0" * 64, signed.pk]
        )
        assert wrongs(small) == [("signature", "2026-Q1", 1, "", "digest")]


def told_by_rows() -> list[tuple[Any, ...]]:
    names = ("segment", "version", "status", "as_of", "computed_at", "figures", "cause__fields")
    rows = Snapshot.objects.filter(quarter_start=Q1).order_by("segment", "version")
    return list(rows.values_list(*names))
