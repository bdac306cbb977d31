"""News of a company that was put back: nothing is told again, and every link still leads there."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import transaction

from accounts.models import Mailing, Membership, Notification, User
from accounts.roles import Role
from accounts.selectors.companies import company_id_of
from accounts.services.news_mail import send_news
from accounts.services.notifications import choose
from accounts.tenancy.context import company_context
from metrics.models import Experiment, ExperimentResult
from metrics.reports.review_letter import ReviewLetters
from metrics.services.news import tell_news
from pipeline.models import ImportBatch, Material, Pipeline
from pipeline.selectors.dump_company import dump_company
from pipeline.services.pipelines import add_pipeline
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.experiments import METHOD, reading, sample_figures
from tests.metrics.test_news import member, sweep
from tests.personas import client_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
FINAL = at("2026-04-09T13:00")
LATER = at("2026-04-09T14:00")


def works_on(small: Small) -> None:
    """Everything that news is made of, in a company with two pipelines."""
    deal = small.opens("2026-02-02")
    sweep(small, "2026-02-02T13:00")
    sweep(small, "2026-04-09")
    small.moves(deal.deal_id, small.lost, "2026-03-20", now="2026-04-09T12:30")
    sweep(small, "2026-04-09T12:40")
    with transaction.atomic():
        gone = ImportBatch.objects.create(system="csv", imported_at=FINAL, report={"deals": 1})
        gone.delete()  # so that the ids of the next load are others
        ImportBatch.objects.create(system="csv", imported_at=FINAL, report={"deals": 2})
        Material.objects.create(title="Case", created_at=FINAL, review_by=date(2026, 4, 1))
        experiment = Experiment.objects.create(
            pipeline_id=small.pipeline_id, title="Offers", measure="win_rate", state="running",
            starts_on=date(2026, 3, 1), ends_on=date(2026, 4, 1), created_at=FINAL,
            started_at=FINAL,
        )  # fmt: skip
        ExperimentResult.objects.create(
            experiment=experiment, day=date(2026, 4, 1), method=METHOD, as_of=FINAL,
            computed_at=FINAL, digest="d",
            figures=sample_figures(primary=reading(verdict="better")).to_json(),
        )  # fmt: skip


@pytest.fixture
def told(transactional_db: None) -> Iterator[Small]:
    """A company of which all was told and mailed."""
    with small_company() as small:
        add_pipeline(
            by=BY,
            name="Partners",
            stages=["Referred"],
            won="Won",
            lost="Lost",
            now=at("2025-12-01"),
        )
        member(small, "o@x.example", Role.OWNER)
        with transaction.atomic():
            owner = Membership.objects.get()
        for kind in ("quarter_final", "quarter_review", "quarter_restated", "review_due"):
            choose(by=BY, membership=owner, kind=kind, shown=True, mailing=Mailing.AT_ONCE)
        works_on(small)
        yield small


def rounds(company_id: int) -> int:
    """Letters that two rounds send."""
    before = len(mail.outbox)
    for _ in range(2):
        tell_news(company_id=company_id, now=LATER)
        send_news(company_id=company_id, now=LATER, enclose=ReviewLetters())
    return len(mail.outbox) - before


def kinds(company_id: int) -> list[str]:
    with company_context(company_id), transaction.atomic():
        return list(Notification.objects.order_by("kind").values_list("kind", flat=True))


ALL = [
    "experiment_due", "experiment_settled", "import_done", "quarter_final", "quarter_restated",
    "quarter_review", "review_due",
]  # fmt: skip


@pytest.mark.parametrize("replaced", [False, True], ids=["beside it", "in its place"])
def test_nothing_is_told_or_mailed_again_and_links_lead_there(
    told: Small, tmp_path: Path, replaced: bool
) -> None:
    assert rounds(told.company.pk) == 5
    assert kinds(told.company.pk) == ALL
    dump_company(company_id=told.company.pk, target=tmp_path / "out")
    slug = "small" if replaced else "again"
    call_command("load_company", str(tmp_path / "out"), slug=slug, replace=replaced, verbosity=0)
    again = company_id_of(slug)
    assert again != told.company.pk
    assert rounds(again) == 0
    assert kinds(again) == ALL
    client = client_of(User.objects.get(email="o@x.example"))
    rows = client.get(f"/w/{slug}/notifications/").context["rows"]
    assert len(rows) == len(ALL) - 1  # the review is a letter
    for row in rows:
        page = client.get(row.path)
        assert page.status_code == 200, row.path
    with company_context(again), transaction.atomic():
        pipeline = Pipeline.objects.get(name="Sales")
        experiment, material = Experiment.objects.get(), Material.objects.get()
    assert {row.path for row in rows} == {
        f"/w/{slug}/quarters/2026-Q1/review/?pipeline={pipeline.pk}",
        f"/w/{slug}/quarters/2026-Q1/restatements/?pipeline={pipeline.pk}",
        f"/w/{slug}/experiments/{experiment.pk}/",
        f"/w/{slug}/material/{material.pk}/",
        f"/w/{slug}/deals/list/",
    }


def test_news_of_what_is_gone_keeps_a_key_that_no_other_row_can_have(
    told: Small, tmp_path: Path
) -> None:
    rounds(told.company.pk)
    with transaction.atomic():
        ImportBatch.objects.all().delete()
    dump_company(company_id=told.company.pk, target=tmp_path / "out")
    call_command("load_company", str(tmp_path / "out"), slug="again", verbosity=0)
    with company_context(company_id_of("again")), transaction.atomic():
        assert Notification.objects.get(kind="import_done").key.startswith("gone ")
