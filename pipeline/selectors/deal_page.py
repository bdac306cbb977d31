"""One deal: how far it came, what is known about it, who decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import formats
from accounts.formats import Style
from pipeline.models import Contact, Deal, LossLevel, Stage
from pipeline.selectors.deal_path import DealPath, Step
from pipeline.selectors.moves_allowed import StageChoice
from pipeline.selectors.settings_catalogues import channel_text, level_text

_RELATED = (
    "customer",
    "rep__team",
    "product",
    "source",
    "lost_reason",
    "competitor",
    "stage",
    "pipeline",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known. `field` names its form; empty where it is not edited."""

    field: str
    label: str
    value: str
    note: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A contact of the customer. `tone` and `decides` say whether they decide."""

    id: int
    name: str
    title: str
    email: str
    phone: str
    decides: str
    tone: str


@dataclass(frozen=True, slots=True)
class DealPage:
    """Everything of the page but its timeline, ready to print."""

    id: int
    name: str
    version: int
    pipeline: str
    outcome: str
    stage_id: int | None
    status: str  # a tag: "Held", "Won on 4 Sep"
    tone: str
    steps: tuple[Step, ...]
    age: str  # how long it is in its stage, against the usual
    age_tone: str
    exit_criterion: str
    notices: tuple[str, ...]
    reopening: str  # what a move to a stage would do to a closed deal
    next_step: str
    next_due: str
    next_tone: str
    facts: tuple[Fact, ...]
    learned: tuple[Fact, ...]  # why it was won or lost
    member_id: int | None  # the membership of its rep, who signs in
    customer_id: int | None
    customer: str
    contacts: tuple[Person, ...]
    nobody_decides: str
    targets: tuple[StageChoice, ...]

    @property
    def is_open(self) -> bool:
        return self.outcome == Deal.Outcome.OPEN

    @property
    def is_closed(self) -> bool:
        return self.outcome in (Deal.Outcome.WON, Deal.Outcome.LOST)


def deal_page(*, deal_id: int, style: Style, today: date) -> DealPage | None:
    """The deal as its page prints it; None where this company has none of that id."""
    deal = Deal.objects.select_related(*_RELATED).filter(pk=deal_id).first()
    if deal is None:
        return None
    return _Writer(deal, style=style, today=today).page()


class _Writer:
    """Writes one deal for one reader."""

    def __init__(self, deal: Deal, *, style: Style, today: date) -> None:
        self.deal, self.style, self.today = deal, style, today
        stages = Stage.objects.filter(pipeline_id=deal.pipeline_id).order_by("id")
        self.path = DealPath(deal, stages=stages, style=style, today=today)

    def day(self, value: date) -> str:
        return formats.day(value, self.style, today=self.today)

    def page(self) -> DealPage:
        deal = self.deal
        people = self.contacts()
        targets = tuple(
            StageChoice(s.pk, s.name, str(n) if n < 10 else "")
            for n, s in enumerate(self.path.open, 1)
            if s.pk != deal.stage_id
        )
        stage = self.path.standing_for(deal.stage_id)
        age, age_tone = self.path.age(stage)
        step, due, step_tone = self.next_step()
        status, tone = self.status()
        return DealPage(
            id=deal.pk,
            name=deal.name,
            version=deal.version,
            pipeline=deal.pipeline.name,
            outcome=deal.outcome,
            stage_id=deal.stage_id,
            status=status,
            tone=tone,
            steps=self.path.steps(),
            age=age,
            age_tone=age_tone,
            exit_criterion=stage.exit_criterion if stage and self.is_open else "",
            notices=self.notices(),
            reopening=self.reopening(),
            next_step=step,
            next_due=due,
            next_tone=step_tone,
            facts=self.facts(),
            learned=self.learned(),
            member_id=deal.rep.membership_id if deal.rep else None,
            customer_id=deal.customer_id,
            customer=deal.customer.name if deal.customer else "",
            contacts=people,
            nobody_decides=self.nobody_decides(people),
            targets=targets,
        )

    @property
    def is_open(self) -> bool:
        return bool(self.deal.outcome == Deal.Outcome.OPEN)

    # Where it is ---------------------------------------------------------------------------------

    def status(self) -> tuple[str, str]:
        deal = self.deal
        if deal.outcome == Deal.Outcome.WON and deal.closed_on:
            return _("Won on {day}").format(day=self.day(deal.closed_on)), "better"
        if deal.outcome == Deal.Outcome.LOST and deal.closed_on:
            return _("Lost on {day}").format(day=self.day(deal.closed_on)), "danger"
        if deal.stage is None:
            return _("No stage"), "watch"
        return deal.stage.name, "accent"

    def notices(self) -> tuple[str, ...]:
        said = []
        if not self.deal.path_known:
            said.append(
                _(
                    "This deal was imported without its path: only its opening, its present stage"
                    " and its closing are known. It counts in velocity, and is left out of the"
                    " funnel and of times in stage."
                )
            )
        if self.deal.outcome == Deal.Outcome.NONE:
            said.append(
                _(
                    "No move of this deal holds: all were withdrawn. It counts in no figure until"
                    " it is moved to a stage again."
                )
            )
        stage = self.path.by_id.get(self.deal.stage_id or 0)
        if stage is not None and stage.retired_at and self.is_open:
            standing = self.path.standing_for(stage.pk)
            said.append(
                _("{stage} is not used any more; the deal counts as {other}.").format(
                    stage=stage.name, other=standing.name
                )
                if standing is not None and standing.pk != stage.pk
                else _("{stage} is not used any more. Move the deal on.").format(stage=stage.name)
            )
        return tuple(said)

    def reopening(self) -> str:
        deal = self.deal
        if deal.closed_on is None:
            return ""
        texts: dict[str, str] = {
            Deal.Outcome.WON: _(
                "Moving it to a stage reopens it: that it was won on {day} counts no more, and the"
                " days that it lay closed count in its cycle."
            ),
            Deal.Outcome.LOST: _(
                "Moving it to a stage reopens it: that it was lost on {day} counts no more, and"
                " the days that it lay closed count in its cycle."
            ),
        }
        return texts[deal.outcome].format(day=self.day(deal.closed_on))

    # What is known -------------------------------------------------------------------------------

    def next_step(self) -> tuple[str, str, str]:
        deal = self.deal
        if not deal.next_step and deal.next_step_on is None:
            return "", "", "watch" if self.is_open else ""
        if deal.next_step_on is None:
            return deal.next_step, "", ""
        late = (self.today - deal.next_step_on).days
        if not self.is_open:
            return deal.next_step, self.day(deal.next_step_on), ""
        if late > 0:
            due = _("was due {day}").format(day=self.day(deal.next_step_on))
            return deal.next_step, due, "watch"
        due = (
            _("due today") if late == 0 else _("due {day}").format(day=self.day(deal.next_step_on))
        )
        return deal.next_step, due, "accent" if late == 0 else ""

    def facts(self) -> tuple[Fact, ...]:
        deal = self.deal
        source = deal.source
        channel = channel_text(source.channel) if source and source.channel else ""
        team = deal.rep.team.name if deal.rep and deal.rep.team else ""
        return (
            self.fact("amount", _("Amount"), self.money(deal.amount), _("No amount yet")),
            self.fact("customer", _("Customer"), deal.customer, _("No customer")),
            self.fact("rep", _("Rep"), deal.rep, _("Nobody"), team),
            self.fact("product", _("Product"), deal.product, _("No product")),
            self.fact("source", _("Source"), source, _("Not known"), channel),
            Fact(
                "",
                pgettext("day", "Opened"),
                self.day(deal.opened_on) if deal.opened_on else _("Not known"),
            ),
        )

    @staticmethod
    def fact(field: str, label: str, value: Any, none: str, note: str = "") -> Fact:
        text = str(value) if value else ""
        return Fact(field, label, text or none, note, missing=not text)

    def money(self, amount: Decimal | None) -> str:
        if amount is None:
            return ""
        style = Style(self.style.locale, self.deal.currency)
        if amount == amount.to_integral_value():
            return formats.money(float(amount), style) or ""
        return f"{formats.number(float(amount), style, decimals=2)} {self.deal.currency}"

    def learned(self) -> tuple[Fact, ...]:
        deal = self.deal
        if deal.outcome == Deal.Outcome.WON:
            reason = deal.won_reason
            return (self.fact("won_reason", _("What made them buy"), reason, _("Nobody said")),)
        if deal.outcome != Deal.Outcome.LOST:
            return ()
        kept = deal.lost_reason.level if deal.lost_reason else ""
        level = level_text(kept) if kept else ""
        detail = deal.lost_reason.detail if deal.lost_reason else ""
        # Without a detail the level's own name was kept, in English.
        same = {level.casefold(), LossLevel(kept).label.casefold()} if kept else set()
        facts = [
            self.fact(
                "lost_reason",
                _("Why it was lost"),
                level,
                _("Nobody said"),
                detail if detail.casefold() not in same else "",
            )
        ]
        if deal.competitor is not None:
            facts.append(Fact("", _("Competitor"), deal.competitor.name))
        return tuple(facts)

    # Who decides ---------------------------------------------------------------------------------

    def contacts(self) -> tuple[Person, ...]:
        if self.deal.customer_id is None:
            return ()
        rows = Contact.objects.filter(customer_id=self.deal.customer_id, retired_at=None)
        answers = {
            True: (_("Decides"), "better"),
            False: (_("Does not decide"), ""),
            None: (_("Not asked whether they decide"), "watch"),
        }
        order = {True: 0, None: 1, False: 2}
        found = sorted(rows, key=lambda c: (order[c.decides], c.name.casefold(), c.pk))
        return tuple(
            Person(c.pk, c.name, c.title, c.email, c.phone, *answers[c.decides]) for c in found
        )

    def nobody_decides(self, people: Sequence[Person]) -> str:
        if self.deal.customer_id is None or not self.is_open:
            return ""
        if any(person.tone == "better" for person in people):
            return ""
        if not people:
            return _(
                "Nobody is known there yet. Who decides? Deals slow down with the wrong person."
            )
        return _(
            "Nobody who decides is known. Ask who does: deals slow down with the wrong person."
        )
