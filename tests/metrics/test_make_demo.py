"""The demo: a company that looks like one, its sign-ins, and a neighbour that shows nothing."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, F

from accounts.models import AuditEntry, Company, Membership, User
from accounts.roles import Role
from accounts.selectors.companies import company_id_of
from accounts.selectors.memberships import workspaces_of
from accounts.tenancy.context import company_context
from metrics.models import (
    Assignment,
    DangerPoint,
    Experiment,
    ExperimentResult,
    Finding,
    Guide,
    RecordedChange,
    Review,
    Scenario,
    Snapshot,
)
from metrics.services import demo
from metrics.services.demo import demo_password, sign_ins
from metrics.services.demo_experiments import days_before
from pipeline.models import (
    Activity,
    Contact,
    Deal,
    DirtyQuarter,
    EmailMessage,
    Material,
    MaterialUse,
    Note,
    Rep,
    Theme,
)
from pipeline.services.facts import check_facts

AS_OF = "2026-11-23T10:00:00Z"
pytestmark = pytest.mark.django_db


@pytest.fixture
def made(db):
    call_command("make_demo", as_of=AS_OF, verbosity=0)
    return company_id_of(demo.NORTHLIGHT)


def test_it_is_a_company_with_all_that_pages_show(made):
    with company_context(made):
        company = Company.objects.get(pk=made)
        assert (company.name, company.as_of) == ("Northlight Coaching", None)
        assert 2_700 < Deal.objects.count() < 3_300
        assert check_facts() == []
        assert Activity.objects.count() > 8_000
        assert Note.objects.filter(activity__isnull=True).count() > 500
        assert Activity.objects.filter(kind="meeting", notes__isnull=True).count() > 500
        assert Deal.objects.filter(outcome="open").exclude(next_step="").exists()
        assert Deal.objects.filter(outcome="won").exclude(won_reason="").exists()
        assert Rep.objects.filter(membership__isnull=False).count() == 5
        assert Rep.objects.filter(mailbox_linked_at__isnull=True).exists()
        assert Rep.objects.get(retired_at__isnull=False).name == "Ruben Achterhof"

        quarters = Snapshot.objects.filter(segment="all").order_by("quarter_start")
        assert [q.status for q in quarters].count("final") >= 9
        assert quarters.first().quarter_label == "2024-Q3"
    # Second: what the truth says is found by the arithmetic; what pages show is read from it.
    from metrics.selectors.figures import all_figures

    with company_context(made):
        figures = all_figures(company=Company.objects.get(pk=made), pipeline_id=None)
        for label in ("2026-Q2", "2026-Q3"):
            third = figures[label]["all"].stages[2]
            assert third.verdict == "danger"
        before = [figures[f"2025-Q{n}"]["all"].velocity for n in (2, 3, 4)]
        dip = [figures[f"2026-Q{n}"]["all"].velocity for n in (2, 3)]
        assert max(dip) < min(before)
        inbound, outbound = (
            figures["2025-Q4"][f"channel={channel}"] for channel in ("inbound", "outbound")
        )
        assert inbound.win_rate > outbound.win_rate
        assert inbound.cycle_mean < outbound.cycle_mean
        assert inbound.avg_deal_size < outbound.avg_deal_size


def test_the_team_has_learned_something(made):
    """What the pages of danger points, findings, reviews, voices and material have to show."""
    with company_context(made):
        done = Review.objects.filter(state="done")
        kinds = dict(done.order_by().values_list("kind").annotate(n=Count("id")))
        assert kinds == {
            "call_review": 5,
            "email_review": 3,
            "customer_interview": 4,
            "lost_interview": 11,
        }
        assert not Review.objects.exclude(state="done").exists()
        # Everything was learned from something that happened, after it happened.
        for review in done.select_related("deal", "activity", "author"):
            assert review.deal.closed_on <= review.held_on
            assert review.author.email == "manager@example.com"
            assert (review.activity is not None) == review.kind.endswith("review")
            assert review.answers.exclude(text="").exists()
        mails = EmailMessage.objects.exclude(activity=None)
        assert mails.count() > 30
        reviewed = Review.objects.filter(kind="email_review").values("activity")
        assert mails.filter(activity__in=reviewed).count() == 3
        assert not EmailMessage.objects.filter(body__contains="{").exists()

        # Some buyers agree with the rep, some do not.
        interviews = done.filter(kind="lost_interview")
        voices = set(interviews.values_list("deal__lost_reason__level", "buyer_level"))
        assert {one == two for one, two in voices} == {True, False}

        findings = Finding.objects.filter(withdrawn_at=None)
        assert findings.count() == 31
        assert set(findings.values_list("stage__name", flat=True)) == {
            "Call booked",
            "Discovery held",
            "Coach met",
        }
        assert findings.values("source").distinct().count() == 7
        assert not findings.filter(quote="").exists()
        assert findings.filter(author__email="rep@example.com").count() == 1
        assert Theme.objects.count() == 7
        assert set(Guide.objects.filter(number=2).values_list("kind", flat=True)) == {
            "call_review",
            "lost_interview",
        }
        states = DangerPoint.objects.order_by("id").values_list("state", flat=True)
        assert list(states) == ["working", "watching", "resolved"]
        assert RecordedChange.objects.count() == 3
        assert Scenario.objects.count() == 2

        assert Material.objects.count() == 6
        sent = MaterialUse.objects.filter(kind="sent")
        opened = MaterialUse.objects.filter(kind="opened").select_related("link")
        assert set(sent.values_list("material", flat=True)) == set(
            Material.objects.values_list("id", flat=True)
        )
        assert 20 < opened.count() < sent.count()
        assert all(use.happened_at > use.link.created_at for use in opened)
        assert Contact.objects.count() > 1_000
        assert Contact.objects.filter(do_not_track=True).exists()
        assert not MaterialUse.objects.filter(kind="opened", contact__do_not_track=True).exists()
        # Nothing of it lies after the simulated history, nor changes a fact or a figure.
        last = datetime.fromisoformat(AS_OF)
        assert not AuditEntry.objects.filter(object_type="review", at__gt=last).exists()
        assert not MaterialUse.objects.filter(happened_at__gt=last).exists()
        assert not DirtyQuarter.objects.filter(gen__gt=F("done_gen")).exists()
    with company_context(company_id_of(demo.NEIGHBOUR)):
        assert not Review.objects.exists()
        assert not Finding.objects.exists()
        assert not Contact.objects.exists()


def test_experiments_stand_in_every_state_with_computed_figures(made):
    with company_context(made):
        rows = {row.title: row for row in Experiment.objects.all()}
        states = sorted((row.state, row.decision or "") for row in rows.values())
        assert states == [
            ("decided", "adopt"),
            ("decided", "stop"),
            ("draft", ""),
            ("running", ""),
            ("running", ""),
        ]
        for row in rows.values():
            kinds = set(
                ExperimentResult.objects.filter(experiment=row).values_list("kind", flat=True)
            )
            if row.state == "draft":
                assert kinds == set()
                continue
            assert "running" in kinds
            assert ("follow_up" in kinds) == (row.decision == "adopt")
            newest = ExperimentResult.objects.filter(experiment=row, kind="running").latest("day")
            primary = newest.figures["primary"]
            assert primary["effect"] is not None, (row.title, primary["reason"])
        # A deal that opened since the start has an arm, whether or not it has ended since.
        arms = Experiment.objects.get(design="arms_by_deal")
        told = Assignment.objects.filter(experiment=arms)
        assert set(told.values_list("arm", flat=True)) == {"test", "control"}
        assert {"open", "lost"} <= set(told.values_list("deal__outcome", flat=True))
        assert told.count() == Deal.objects.filter(opened_on__gte=arms.starts_on).count()


def test_everybody_signs_in_once_and_the_neighbour_stays_apart(made, capsys):
    printed = {sign_in.role: sign_in for sign_in in sign_ins()}
    assert set(printed) == set(Role)
    for sign_in in printed.values():
        assert User.objects.get(email=sign_in.email).check_password(sign_in.password)
    with company_context(made):
        rep = Rep.objects.get(name="Ida Kvarning")
        assert rep.membership.user.email == "rep@example.com"
        roles = dict(Membership.objects.values_list("user__email", "role"))
    assert roles["leader@example.com"] == "leader"

    def slugs(role):
        user = User.objects.get(email=printed[role].email)
        return {(place.slug, place.role) for place in workspaces_of(user_id=user.pk)}

    assert slugs(Role.OWNER) == {("northlight", Role.OWNER), ("fennholt", Role.LEADER)}
    for role in (Role.MANAGER, Role.REP, Role.LEADER):
        assert slugs(role) == {("northlight", role)}
    with company_context(company_id_of(demo.NEIGHBOUR)):
        assert 120 < Deal.objects.count() < 260
        assert check_facts() == []
        assert Snapshot.objects.filter(segment="all").exists()

    # A second run prints one sign-in a line and makes nothing; without the mark it is refused.
    capsys.readouterr()
    call_command("make_demo", if_empty=True, print_signins=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        [role, f"{role}@example.com", demo_password()]
        for role in ("owner", "manager", "rep", "leader")
    ]
    user = User.objects.get(email="rep@example.com")
    user.set_password("something else entirely")
    user.save()
    call_command("make_demo", if_empty=True, print_signins=True)
    assert "rep      rep@example.com        (the password was changed)" in capsys.readouterr().out
    with pytest.raises(CommandError, match="made once"):
        call_command("make_demo")


def test_where_somebody_has_an_account_no_demo_is_made(db):
    User.objects.create_user(email="somebody@else.example")
    call_command("make_demo", if_empty=True)
    assert company_id_of(demo.NORTHLIGHT) is None


def test_a_fault_at_the_end_leaves_nothing(db, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("the last step")

    monkeypatch.setattr(demo, "_neighbour", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        call_command("make_demo", as_of=AS_OF, verbosity=0)
    assert company_id_of(demo.NORTHLIGHT) is None
    assert not User.objects.exists()


@pytest.mark.parametrize("text", ["yesterday", "2026-11-23T10:00:00"])
def test_an_instant_that_is_none_is_refused(db, text):
    with pytest.raises(CommandError, match="not an instant"):
        call_command("make_demo", as_of=text)


def test_the_password_is_the_machines_own(settings):
    here = demo_password()
    assert here == demo_password()
    settings.SECRET_KEY = "another machine's"
    assert demo_password() != here
    assert len(here) >= 20


@pytest.mark.parametrize("hour", [0, 12, 22, 23])
@pytest.mark.parametrize("month", [4, 11])
def test_days_before_keep_the_hour_though_the_clocks_changed(month, hour):
    """`make run` shortly before midnight failed for half of the year."""
    zone = ZoneInfo("Europe/Paris")
    instant = datetime(2026, month, 28, hour, 38, tzinfo=zone)
    before = days_before(instant, 49, zone).astimezone(zone)
    assert before.date() == instant.date() - timedelta(days=49)
    assert (before.hour, before.minute) == (hour, 38)
    assert before.utcoffset() != instant.utcoffset()
