"""What the demo's team learned about its losses, written by the services that its pages use.

Contacts and messages come first, then questions, interviews, reviews and findings, danger points,
recorded changes, scenarios and material. All of it hangs on the simulated deals and the instant
alone, so the same demo is told the same way again. Texts: `demo_texts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from accounts.actors import Actor
from accounts.models import Company, Membership
from metrics.calc.sampling import lot
from metrics.calc.whatif import Changes
from metrics.models import Answer, Finding, Review
from metrics.selectors.figures import default_pipeline, figures_of, quarters_of
from metrics.selectors.lost_deals import lost_deals
from metrics.selectors.what_if_query import pairs_of
from metrics.services import demo_texts as texts
from metrics.services.danger_points import open_danger_point, remark, set_state
from metrics.services.demo_material import add_material_and_uses
from metrics.services.demo_people import add_messages, add_people
from metrics.services.demo_texts import Learned, Told
from metrics.services.findings import add_finding
from metrics.services.guides import Wording, change_guide, guide_in_use
from metrics.services.recorded_changes import Change, record_change
from metrics.services.reviews import Buyer, Given, save_answers, start_review
from metrics.services.scenarios import Question, save_scenario
from pipeline.models import Activity, Competitor, Deal, LostReason, Note, Rep, Stage

_RECENT = 4  # quarters whose losses the team asked about
_TIES = 3  # more deals of a finding, with a reason of its theme
_REASONS: Mapping[str, tuple[str, ...]] = {
    texts.PRICE: ("price", "budget"),
    texts.START: ("competitor", "timing"),
    texts.FIT: ("not a fit",),
    texts.DECIDER: ("no decision",),
    texts.PROOF: ("competitor",),
    texts.TIME: ("no show",),
    texts.PATIENCE: ("no decision",),
}
_MORE_QUESTIONS: Mapping[str, Wording] = {
    "lost_interview": Wording(
        "What did the other one show you that we did not?",
        "A page, a person, a date, a number. Ask to see it if they like.",
    ),
    "call_review": Wording(
        "When was a first date named, and by whom?",
        "Ours to name. Note the minute.",
    ),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A closed deal that could be asked about. `at` is the stage where it was lost, 0 if won."""

    deal_id: int
    at: int
    closed_on: date
    reason: str
    customer_id: int | None
    rep: str


@dataclass(slots=True)
class Team:
    """The demo while it is written: who, until when, and what is used up."""

    company: Company
    by: Actor
    members: Mapping[str, Membership]
    as_of: datetime
    stages: Mapping[int, Stage]
    deals: Sequence[Known]
    people: Mapping[int, int] = field(default_factory=dict)  # customer -> contact
    talks: dict[int, list[Any]] = field(default_factory=dict)  # deal -> its activities
    used: set[int] = field(default_factory=set)

    @property
    def today(self) -> date:
        """The company's day at the end of the simulation."""
        return self.company.local_day(self.as_of)

    def at(self, day: date, hour: int = 13) -> datetime:
        """A moment of a day, none after the end of the simulation."""
        return min(datetime.combine(day, time(hour), tzinfo=UTC), self.as_of)

    def ago(self, days: int) -> datetime:
        """A moment some days before the end of the simulation."""
        return self.at(self.today - timedelta(days=days))


def add_learning(*, company: Company, members: Mapping[str, Membership], as_of: datetime) -> None:
    """Write everything that the demo's team learned until `as_of`. Its figures stand already."""
    team = Team(
        company=company,
        by=Actor.member(members["Hugo Bremmer"]),
        members=members,
        as_of=as_of,
        stages={s.position: s for s in Stage.objects.filter(kind=Stage.Kind.OPEN)},
        deals=_known(company, as_of),
    )
    team.people = add_people(company=company)
    for row in Activity.objects.filter(deal_id__in=[d.deal_id for d in team.deals]).order_by(
        "happened_at", "id"
    ):
        team.talks.setdefault(row.deal_id, []).append(row)
    add_messages(
        company=company,
        people=team.people,
        activities=[talk for deal in team.deals for talk in team.talks.get(deal.deal_id, ())],
    )
    _questions(team)
    for told in (
        *texts.LOST_INTERVIEWS,
        *texts.CUSTOMER_INTERVIEWS,
        *texts.CALL_REVIEWS,
        *texts.EMAIL_REVIEWS,
    ):
        _review(team, told)
    _findings(team)
    _danger_points(team)
    _changes(team)
    _scenarios(team)
    add_material_and_uses(
        company=company, by=team.by, members=members, people=team.people, as_of=as_of
    )


def _known(company: Company, as_of: datetime) -> list[Known]:
    """Closed deals of the recent quarters, in an order that no database id decides."""
    quarters = quarters_of(company=company)[-_RECENT:]
    lost = lost_deals(company=company, quarters=quarters, segment="all", now=as_of).deals
    latest = company.local_day(as_of) - timedelta(days=6)
    rows = Deal.objects.filter(closed_on__gte=quarters[0].start, closed_on__lte=latest).values(
        "id", "external_id", "outcome", "closed_on", "customer_id", "lost_reason__detail",
        "rep__name",
    )  # fmt: skip
    found = []
    for row in rows:
        held = lost.get(row["id"])
        if row["outcome"] == Deal.Outcome.LOST and (held is None or not held.position):
            continue
        at = held.position if held and row["outcome"] == Deal.Outcome.LOST else texts.WON
        found.append(
            (
                lot("northlight", int(row["external_id"])),
                Known(
                    deal_id=row["id"],
                    at=at,
                    closed_on=row["closed_on"],
                    reason=row["lost_reason__detail"] or "",
                    customer_id=row["customer_id"],
                    rep=row["rep__name"] or "",
                ),
            )
        )
    return [known for _lot, known in sorted(found, key=lambda pair: pair[0])]


def _questions(team: Team) -> None:
    """Two kinds of reviews have a question of the team's own since spring."""
    for kind, more in _MORE_QUESTIONS.items():
        guide = guide_in_use(by=team.by, now=team.ago(300), kind=kind)
        standing = [Wording(q.text, q.hint, q.key) for q in guide.questions.order_by("position")]
        change_guide(
            by=team.by,
            now=team.ago(290),
            kind=kind,
            questions=[*standing, more],
            number=guide.number,
        )


def _talk_for(team: Team, deal: Known, told: Told) -> Any:
    """The newest call or meeting of a deal, or its e-mail of this subject; None for none."""
    kinds = ("email",) if told.kind == "email_review" else ("call", "meeting")
    for talk in reversed(team.talks.get(deal.deal_id, [])):
        if talk.kind in kinds and (not told.subject or talk.subject == told.subject):
            return talk
    return None


def _deal_for(team: Team, told: Told) -> Known | None:
    """A deal that nobody asked about yet, with the rep's reason if there is one of it."""
    talk = told.kind in ("call_review", "email_review")
    fitting = [
        deal
        for deal in team.deals
        if deal.at == told.at
        and deal.deal_id not in team.used
        and (_talk_for(team, deal, told) if talk else deal.customer_id in team.people)
    ]
    said = [deal for deal in fitting if not told.said or deal.reason == told.said]
    return next(iter((*said, *fitting)), None)


def _review(team: Team, told: Told) -> None:
    deal = _deal_for(team, told)
    if deal is None:
        return
    team.used.add(deal.deal_id)
    talk = _talk_for(team, deal, told) if "review" in told.kind else None
    contact_id = team.people[deal.customer_id] if talk is None and deal.customer_id else None
    days = 5 + len(told.words) % 11
    now = team.at(deal.closed_on + timedelta(days=days), 14)
    review = start_review(
        by=team.by,
        now=now,
        kind=told.kind,
        deal_id=deal.deal_id,
        activity_id=talk.pk if talk else None,
        contact_id=contact_id,
    )
    keys = dict(review.guide.questions.values_list("key", "id"))
    save_answers(
        by=team.by,
        now=now,
        review_id=review.pk,
        given=Given(
            {keys[key]: text for key, text in told.answers.items()},
            contact_id=contact_id,
            buyer=_buyer(told) if told.kind == "lost_interview" else None,
        ),
        version=review.version,
        finish=True,
    )
    _finding(team, told.learned, deal, now=now, review=review, told=told)


def _buyer(told: Told) -> Buyer:
    reason = LostReason.objects.filter(level=told.level, detail=told.detail).first()
    rival = Competitor.objects.filter(name=told.rival).first() if told.rival else None
    return Buyer(told.level, reason.pk if reason else None, rival.pk if rival else None, told.words)


def _like(team: Team, learned: Learned, *, but: Iterable[int] = ()) -> list[int]:
    """Deals lost at the finding's stage with a reason of its theme."""
    left = set(but)
    reasons = _REASONS[learned.theme]
    return [
        deal.deal_id
        for deal in team.deals
        if deal.at == learned.at and deal.reason in reasons and deal.deal_id not in left
    ][:_TIES]


def _finding(
    team: Team, learned: Learned, deal: Known, *, now: datetime, review: Review, told: Told
) -> Finding:
    answer = Answer.objects.get(review=review, question__key=learned.quoted)
    return add_finding(
        by=team.by,
        now=now,
        source=told.kind,
        stage=team.stages[learned.at],
        statement=learned.statement,
        deals=[deal.deal_id, *_like(team, learned, but=[deal.deal_id])],
        quote=answer.text,
        theme=learned.theme,
        severity=learned.severity,
        review=review.pk,
        answer=answer.pk,
    )


def _findings(team: Team) -> None:
    """Those without a review: from notes, from reading the material. One is a rep's own."""
    rep = team.members["Ida Kvarning"]
    own = {*Rep.objects.filter(membership=rep).values_list("name", flat=True)}
    for number, learned in enumerate(texts.LEARNED):
        by, deals = team.by, _like(team, learned)
        if number == 1:
            mine = [d.deal_id for d in team.deals if d.rep in own and d.at in (0, learned.at)]
            by, deals = Actor.member(rep), mine[:_TIES]
        now = team.ago(12 + 9 * number)
        note = None
        if learned.source == "win_loss_note" and deals:
            note = Note.objects.filter(deal_id=deals[0], activity=None).order_by("id").first()
        add_finding(
            by=by,
            now=now,
            source=learned.source,
            stage=team.stages[learned.at],
            statement=learned.statement,
            deals=deals,
            quote=learned.quote,
            theme=learned.theme,
            severity=learned.severity,
            learned_on=team.company.local_day(now),
            note=note.pk if note else None,
        )


def _danger_points(team: Team) -> None:
    """One that is worked on, one that is watched, one that is done with."""
    labels = [q.label for q in quarters_of(company=team.company)]
    manager, rep = team.by.user_id, team.members["Ida Kvarning"].user_id
    coach = open_danger_point(
        by=team.by, now=team.ago(40), stage_id=team.stages[texts.COACH].pk, quarter=labels[-2],
        owner_id=manager, due_on=team.today + timedelta(days=21),
        remark="Since spring we lose here what we used to win. Calls and buyers first.",
    )  # fmt: skip
    _work_on(team, coach.danger_point_id, days_ago=38)
    for days_ago, text in (
        (24, "Five calls heard, six buyers asked: the first date comes up every time."),
        (9, "Next: two dates within three weeks stand in every offer."),
    ):
        remark(by=team.by, now=team.ago(days_ago), danger_point_id=coach.danger_point_id, text=text)
    open_danger_point(
        by=team.by, now=team.ago(26), stage_id=team.stages[texts.DISCOVERY].pk,
        segment="channel=outbound", quarter=labels[-2], owner_id=rep,
        due_on=team.today + timedelta(days=45),
        remark="Outbound only. First see whether it is who we invite or what we ask.",
    )  # fmt: skip
    booked = open_danger_point(
        by=team.by, now=team.ago(160), stage_id=team.stages[texts.BOOKED].pk,
        segment="channel=outbound", quarter=labels[-3], owner_id=manager,
        due_on=team.today - timedelta(days=60),
        remark="Calls that are booked and not held.",
    )  # fmt: skip
    version = _work_on(team, booked.danger_point_id, days_ago=155)
    set_state(
        by=team.by, now=team.ago(33), danger_point_id=booked.danger_point_id, to="resolved",
        version=version, reason="The reminder goes out by itself. We look again if it shows.",
    )  # fmt: skip


def _work_on(team: Team, danger_point_id: int, *, days_ago: int) -> int:
    """Start the work; returns the version that an editor sees next."""
    point = set_state(
        by=team.by, now=team.ago(days_ago), danger_point_id=danger_point_id, to="working", version=1
    )
    return point.version


def _changes(team: Team) -> None:
    for days_ago, text, at, segment in (
        (205, "New price list", None, "all"),
        (118, "Reminder with one question, the day before", texts.BOOKED, "channel=outbound"),
        (31, "Offers go to whoever pays as well", texts.COACH, "all"),
    ):
        record_change(
            by=team.by,
            now=team.ago(days_ago),
            today=team.company.local_day(team.ago(days_ago)),
            change=Change(
                happened_on=team.company.local_day(team.ago(days_ago)),
                text=text,
                stage_id=team.stages[at].pk if at else None,
                segment=segment,
            ),
        )


def _scenarios(team: Team) -> None:
    """Two what-ifs on the newest quarter that has ended."""
    figures = [f for f in figures_of(company=team.company) if f.status == "final"]
    if len(figures) < 5:
        return
    newest, year_before = figures[-1], figures[-5]
    usual = year_before.stages[texts.COACH - 1].exit_conversion
    plans: list[tuple[str, Changes, str]] = []
    if usual is not None:
        told = "If the last stage kept as many as a year before, and nothing else changed."
        changes = Changes(conversions={texts.COACH: round(usual, 3)})
        plans.append(("Coach met as a year ago", changes, told))
    if newest.cycle_mean is not None:
        changes = Changes(cycle=round(newest.cycle_mean - 3, 1))
        plans.append(("First date three days sooner", changes, "Everything else as it is."))
    for number, (name, changes, told) in enumerate(plans):
        save_scenario(
            by=team.by,
            now=team.ago(20 - 6 * number),
            name=name,
            question=Question(
                pipeline_id=default_pipeline(company=team.company) or 0,
                quarter=newest.quarter,
                segment="all",
                pairs=pairs_of(changes),
            ),
            remark=told,
        )
