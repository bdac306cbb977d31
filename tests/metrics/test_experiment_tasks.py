"""Experiments in the background: the tasks, the weekly reminder, all of it twice."""

from datetime import UTC, datetime
from smtplib import SMTPException

import pytest
from django.core import mail

from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.services.members import remove_member
from metrics import tasks
from metrics.models import ExperimentEntry, ExperimentResult
from metrics.services.experiment_mail import send_check_ins
from metrics.services.experiment_results import recompute_running
from metrics.services.sweep import companies
from pipeline.models import DirtyQuarter
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.running_experiments import BASELINE, running, simulate
from tests.personas import make_user

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 4, 13, 8, 30, tzinfo=UTC)


def owned(small: Small, **changes):
    user = make_user("owner@small.example")
    member = add_member(
        company=small.company, user=user, role=Role.MANAGER, by=BY, now=at("2026-01-01")
    )
    return running(small, owner=user, **changes), member


def send(small: Small, now: datetime) -> int:
    return send_check_ins(company_id=small.company.pk, now=now)


def test_the_owner_is_reminded_once_a_week() -> None:
    with small_company() as small:
        experiment, _ = owned(small)
        simulate(small, BASELINE, 2, 0.5, seed=1)
        recompute_running(company_id=small.company.pk, now=MONDAY)
        assert send(small, MONDAY.replace(hour=7)) == 0
        assert send(small, MONDAY) == 1
        assert send(small, MONDAY) == 0
        assert send(small, MONDAY.replace(day=17)) == 0
        (letter,) = mail.outbox
        assert letter.to == ["owner@small.example"]
        assert letter.subject == f"This week: {experiment.title}"
        assert "This is its week 2." in letter.body
        assert "no evidence yet" in letter.body
        (entry,) = ExperimentEntry.objects.filter(after__event="check_in")
        assert entry.once == "check-in-2026-W16"
        assert send(small, MONDAY.replace(day=20)) == 1


def test_monday_morning_is_that_of_the_company() -> None:
    with small_company(timezone="America/Los_Angeles") as small:
        owned(small)
        assert send(small, MONDAY) == 0  # half past one at night
        assert send(small, MONDAY.replace(hour=15, minute=0)) == 1


def test_nobody_is_reminded_who_left_or_of_what_does_not_run() -> None:
    with small_company() as small:
        experiment, member = owned(small)
        keeper = make_user("keeper@small.example")
        add_member(company=small.company, user=keeper, role=Role.OWNER, by=BY, now=at("2026-01-01"))
        remove_member(by=BY, membership_id=member.pk, now=at("2026-04-10"))
        running(small)  # nobody's
        running(small, owner=keeper, state="draft")
        running(small, owner=keeper, started_at=MONDAY.replace(hour=9))
        assert send(small, MONDAY.replace(hour=10)) == 0
        assert mail.outbox == []
        assert experiment.entries.count() == 0


def test_a_company_whose_history_stands_still_sends_nothing() -> None:
    with small_company() as small:
        owned(small)
        small.company.as_of = at("2026-04-13")
        small.company.save()
        assert send(small, MONDAY) == 0


def test_a_refused_letter_leaves_no_trace_and_is_tried_again(monkeypatch) -> None:
    with small_company() as small:
        owned(small)

        def refuse(*_: object) -> None:
            raise SMTPException("no room")

        with monkeypatch.context() as patch:
            patch.setattr("metrics.services.experiment_mail.send_mail", refuse)
            with pytest.raises(SMTPException):
                send(small, MONDAY)
        assert ExperimentEntry.objects.count() == 0
        assert send(small, MONDAY) == 1


def test_a_change_of_facts_brings_the_experiments_up_to_date(monkeypatch) -> None:
    with small_company() as small:
        monkeypatch.setattr(tasks.timezone, "now", lambda: MONDAY)
        small.opens("2026-04-08", now="2026-04-13T08:00")
        experiment, _ = owned(small, measure="number")
        for _ in range(2):
            tasks.recompute_behind(small.company.pk)
        (row,) = ExperimentResult.objects.filter(experiment=experiment)
        assert row.figures["primary"]["test"]["n"] == 1
        assert not DirtyQuarter.objects.filter(gen__gt=0, done_gen=0).exists()


def test_the_round_of_a_company_runs_twice_without_harm(monkeypatch) -> None:
    with small_company() as small:
        monkeypatch.setattr(tasks.timezone, "now", lambda: MONDAY)
        small.opens("2026-04-08", now="2026-04-13T08:00")
        experiment, _ = owned(small)
        for _ in range(2):
            tasks.experiment_round(small.company.pk)
        assert ExperimentResult.objects.filter(experiment=experiment).count() == 1
        assert len(mail.outbox) == 1


def test_the_clock_sends_each_company_once(monkeypatch) -> None:
    with small_company() as small:
        monkeypatch.setattr(tasks.timezone, "now", lambda: MONDAY)
        small.opens("2026-04-08", now="2026-04-13T08:00")
        assert small.company.pk in companies()
        sent = []
        monkeypatch.setattr(tasks.experiment_round, "delay", sent.append)
        tasks.experiments()
        tasks.experiments()  # a second beat at the same time
        assert sent == companies()
