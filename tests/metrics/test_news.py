"""What rows give to tell: once, whoever looks and however often."""

from datetime import date, datetime, timedelta

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Notification, User
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, ExperimentResult
from metrics.services.news import _danger_key, tell_news
from metrics.services.recompute import recompute_quarter
from metrics.services.sign_offs import sign_quarter
from metrics.services.sweep import behind
from pipeline.models import ImportBatch, Material
from tests.guards import url_tree
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.experiments import reading, sample_figures
from tests.personas import NOW, World, client_of, make_user

pytestmark = pytest.mark.django_db


def sweep(small: Small, now: str) -> None:
    for company_id, start in behind(now=at(now), company_id=small.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=at(now))


def told(company_id: int) -> list[tuple[str, str, str]]:
    """What stands in the lists of people; letters of their own do not."""
    with company_context(company_id), transaction.atomic():
        rows = Notification.objects.filter(shown=True).order_by("kind", "key", "user__email")
        return list(rows.values_list("kind", "values__quarter", "user__email"))


def tells(company_id: int, now: datetime) -> int:
    return tell_news(company_id=company_id, now=now)


def member(small: Small, email: str, role: Role) -> None:
    add_member(company=small.company, user=make_user(email), role=role, by=BY, now=at("2025-12-01"))


def test_a_quarter_becomes_final_and_is_restated_each_told_once() -> None:
    with small_company() as small:
        for email, role in (("m@x.example", Role.MANAGER), ("r@x.example", Role.REP)):
            member(small, email, role)
        deal = small.opens("2026-02-02")
        sweep(small, "2026-02-02T13:00")  # while it ran: else it would be an imported one
        sweep(small, "2026-04-09")
        for _ in range(2):
            tells(small.company.pk, at("2026-04-09T13:00"))
        assert told(small.company.pk) == [("quarter_final", "2026-Q1", "m@x.example")]
        member(small, "new@x.example", Role.MANAGER)
        assert tells(small.company.pk, at("2026-04-09T14:00")) == 0
        small.moves(deal.deal_id, small.lost, "2026-03-20", now="2026-04-10")
        sweep(small, "2026-04-10T13:00")
        tells(small.company.pk, at("2026-04-10T13:00"))
        found = [row for row in told(small.company.pk) if row[0] == "quarter_restated"]
        assert [row[2] for row in found] == ["m@x.example", "new@x.example"]
        with transaction.atomic():
            one = Notification.objects.filter(kind="quarter_restated").first()
            assert one is not None
            assert one.values["figures"] > 3
            assert one.path == "quarters/2026-Q1/restatements/"


def test_who_signed_is_told_of_a_restatement_apart() -> None:
    with small_company() as small:
        member(small, "m@x.example", Role.MANAGER)
        member(small, "o@x.example", Role.OWNER)
        deal = small.opens("2026-02-02")
        sweep(small, "2026-02-02T13:00")
        sweep(small, "2026-04-09")
        with transaction.atomic():
            user = User.objects.get(email="m@x.example")
            sign_quarter(
                by=Actor(user.pk, user.email, Role.MANAGER),
                now=at("2026-04-09T14:00"),
                pipeline_id=small.pipeline_id,
                quarter_start=date(2026, 1, 1),
            )
        small.moves(deal.deal_id, small.lost, "2026-03-20", now="2026-04-10")
        sweep(small, "2026-04-10T13:00")
        for _ in range(2):
            tells(small.company.pk, at("2026-04-10T13:00"))
        assert [row for row in told(small.company.pk) if row[0].endswith("_restated")] == [
            ("quarter_restated", "2026-Q1", "o@x.example"),
            ("signature_restated", "2026-Q1", "m@x.example"),
        ]
        # Nor is it news for who comes later, not even where all who were there had signed.
        with transaction.atomic():
            Notification.objects.filter(kind="quarter_restated").delete()
        member(small, "late@x.example", Role.MANAGER)
        assert tells(small.company.pk, at("2026-04-10T14:00")) == 0


def test_what_was_imported_or_is_long_past_is_no_news() -> None:
    with small_company() as small:
        member(small, "m@x.example", Role.MANAGER)
        small.opens("2026-02-02", now="2026-07-20")
        sweep(small, "2026-07-20")
        assert tells(small.company.pk, at("2026-07-20T13:00")) == 0
    with small_company("other") as small:
        member(small, "o@x.example", Role.MANAGER)
        small.opens("2026-02-02")
        sweep(small, "2026-02-02T13:00")
        sweep(small, "2026-04-09")
        assert tells(small.company.pk, at("2026-12-09")) == 0


def test_a_stage_that_loses_more_than_usual_is_told_to_managers() -> None:
    with small_company() as small:
        member(small, "m@x.example", Role.MANAGER)
        loses_more(small)
        tells(small.company.pk, at("2026-02-20T13:00"))
        tells(small.company.pk, at("2026-02-21T13:00"))
        with transaction.atomic():
            row = Notification.objects.get(kind="danger_worse")
        assert (row.values["stage"], row.values["lost"], row.values["exits"]) == (
            "Booked \N{RIGHTWARDS ARROW} Met", 18, 20,
        )  # fmt: skip


def loses_more(small: Small) -> None:
    """Booked lost 2 of 20 by the autumn, and 18 of 20 this winter: all of it inbound."""
    for quarter, month, lost in (("first", "07", 0), ("usual", "10", 2), ("now", "01", 18)):
        year = "2026" if quarter == "now" else "2025"
        for number in range(20):
            deal = small.opens(f"{year}-{month}-05", now=f"{year}-{month}-05")
            to = small.lost if number < lost else small.met
            small.moves(deal.deal_id, to, f"{year}-{month}-1{number % 9}")
    sweep(small, "2026-02-20")


def test_whose_danger_point_it_is_hears_whoever_it_is_and_managers_too() -> None:
    with small_company() as small:
        for role in Role:
            member(small, f"{role.value}@x.example", role)
        loses_more(small)
        with transaction.atomic():
            DangerPoint.objects.create(
                pipeline_id=small.pipeline_id,
                stage_id=small.booked,
                owner=User.objects.get(email="rep@x.example"),
                opened_quarter="2026-Q1",
                opened_at=at("2026-02-01"),
            )
        for _ in range(2):
            tells(small.company.pk, at("2026-02-20T13:00"))
        heard = [email for kind, _, email in told(small.company.pk) if kind == "danger_worse"]
        assert heard == ["manager@x.example", "owner@x.example", "rep@x.example"]


def test_a_danger_point_of_a_segment_is_told_with_its_segment() -> None:
    with small_company() as small:
        member(small, "m@x.example", Role.MANAGER)
        loses_more(small)
        with transaction.atomic():
            for segment in ("channel=inbound", "channel=outbound"):
                DangerPoint.objects.create(
                    pipeline_id=small.pipeline_id,
                    stage_id=small.booked,
                    segment=segment,
                    opened_quarter="2026-Q1",
                    opened_at=at("2026-02-01"),
                )
        for _ in range(2):
            tells(small.company.pk, at("2026-02-20T13:00"))
        client = client_of(User.objects.get(email="m@x.example"))
        rows = [
            row
            for row in client.get("/w/small/notifications/").context["rows"]
            if row.icon == "triangle-alert"
        ]
        assert sorted(row.text for row in rows) == [
            "Booked \N{RIGHTWARDS ARROW} Met (Inbound) loses clearly more than usual in Q1 2026:"
            " 18 of 20 lost.",
            "Booked \N{RIGHTWARDS ARROW} Met loses clearly more than usual in Q1 2026:"
            " 18 of 20 lost.",
        ]
        for row in rows:
            page = client.get(row.path)
            assert page.context["filters"].segment == (
                "Inbound" if "(Inbound)" in row.text else "All deals"
            )
            assert "Not understood in the address" not in page.content.decode()


def test_keys_of_danger_are_told_apart_however_long_their_names() -> None:
    keys = {
        _danger_key(7, "2026-Q1", stage, segment)
        for stage in ("S" * 100, "T" * 100)
        for segment in ("all", "rep=" + "A" * 200, "rep=" + "A" * 199 + "B")
    }
    assert len(keys) == 6
    assert all(len(key) <= 160 and key.startswith("7:2026-Q1:") for key in keys)


def test_an_experiment_that_settled_and_one_that_is_due(world: World) -> None:
    a = world.a
    pk = url_tree._experiment(a)
    with company_context(a.company.pk), transaction.atomic():
        result = ExperimentResult.objects.get(experiment_id=pk)
        experiment = result.experiment
        experiment.owner_id = a.user(Role.REP).pk
        experiment.ends_on = NOW.date() + timedelta(days=1)
        experiment.save()
        result.figures = sample_figures(primary=reading(verdict="no_evidence_yet")).to_json()
        result.save()
    assert tells(a.company.pk, NOW) == 0
    with company_context(a.company.pk), transaction.atomic():
        result.figures = sample_figures(primary=reading(verdict="better")).to_json()
        result.save()
    tells(a.company.pk, NOW)
    later = NOW + timedelta(days=2)
    tells(a.company.pk, later)
    assert tells(a.company.pk, later) == 0
    kinds = [row[0] for row in told(a.company.pk)]
    assert kinds == ["experiment_due", "experiment_settled"]
    assert {row[2] for row in told(a.company.pk)} == {a.user(Role.REP).email}


def test_material_past_its_day_and_an_import(world: World) -> None:
    a = world.a
    with company_context(a.company.pk), transaction.atomic():
        Material.objects.create(
            title="Case", created_at=NOW, review_by=NOW.date(), owner=a.user(Role.REP)
        )
        Material.objects.create(
            title="Later", created_at=NOW, review_by=date(2027, 1, 1), owner=a.user(Role.REP)
        )
        ImportBatch.objects.create(
            system="hubspot", imported_at=NOW, imported_by=a.user(Role.OWNER), report={"deals": 12}
        )
    tells(a.company.pk, NOW)
    tells(a.company.pk, NOW)
    assert [(row[0], row[2]) for row in told(a.company.pk)] == [
        ("import_done", a.user(Role.OWNER).email),
        ("review_due", a.user(Role.REP).email),
    ]
