"""The demo: a coaching business with a known truth, and a small neighbour.

Everything comes from the seeded simulation, goes in through the same bulk loader as any other
company, and is computed by the same code. Nothing here is a number that a page shows.
"""

import base64
import hashlib
import hmac
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from accounts.actors import Actor
from accounts.models import Company, Membership, User
from accounts.roles import Role
from accounts.selectors.companies import company_id_of
from accounts.services.companies import add_member, create_user
from accounts.tenancy.context import company_context
from metrics.calc import simulate
from metrics.calc.simulate import SimulatedDeal, Simulation
from metrics.services.demo_experiments import add_experiments
from metrics.services.demo_learning import add_learning
from metrics.services.demo_review import add_review
from metrics.services.recompute import recompute_all
from pipeline.importers import exchange, exchange_write
from pipeline.importers.exchange import CompanyHead, StageLine
from pipeline.models import Activity, Deal, Note, Rep
from pipeline.services import bulk
from pipeline.services.load_company import load_company

SEED = 27
NORTHLIGHT, NEIGHBOUR = "northlight", "fennholt"
PRODUCT = Actor.product("make_demo")

_SIGN_INS: tuple[tuple[Role, str, str], ...] = (
    (Role.OWNER, "owner@example.com", "Astrid Norvall"),
    (Role.MANAGER, "manager@example.com", "Hugo Bremmer"),
    (Role.REP, "rep@example.com", "Ida Kvarning"),  # the rep of that name
    (Role.LEADER, "leader@example.com", "Greta Solvang"),
)
_NEIGHBOUR_OWNER = ("events@example.com", "Tess Hallam")
# The neighbour sells other things, to other people, in another currency and calendar.
_NEIGHBOUR_STAGES = {
    "Call booked": "Enquiry",
    "Discovery held": "Site visited",
    "Coach met": "Offer sent",
    "Customer": "Booked",
    "Lost": "Declined",
}
_NEIGHBOUR_PRODUCTS = {"Coaching": "Retreat", "Course": "Workshop", "Summit": "Conference"}
_NEIGHBOUR_REPS = ("Owen Marbury", "Tess Hallam", "Rhys Cadmore")
_EVERY = 16  # the neighbour has a sixteenth of the deals


@dataclass(frozen=True, slots=True)
class SignIn:
    """An address and a role of the demo. `password` None: it was changed since."""

    role: Role
    email: str
    name: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made."""

    deals: int
    transitions: int
    activities: int
    notes: int


def demo_exists() -> bool:
    """Is there anything already: the demo company, or anybody who could sign in?"""
    return company_id_of(NORTHLIGHT) is not None or User.objects.exists()


def demo_password() -> str:
    """The demo's password on this machine: derived from its secret key, so kept nowhere else."""
    digest = hmac.new(settings.SECRET_KEY.encode(), b"demo sign-in", hashlib.sha256).digest()
    text = base64.b32encode(digest).decode().lower()
    return f"northlight-{text[:4]}-{text[4:8]}-{text[8:12]}"


def sign_ins() -> tuple[SignIn, ...]:
    """One sign-in per role, as far as they still exist."""
    password = demo_password()
    users = {user.email: user for user in User.objects.filter(email__endswith="@example.com")}
    return tuple(
        SignIn(role, email, name, password if users[email].check_password(password) else None)
        for role, email, name in _SIGN_INS
        if email in users
    )


def make_demo(*, seed: int, as_of: datetime, now: datetime) -> Demo:
    """Make Northlight Coaching and its neighbour, with users, in one transaction.

    `as_of` ends the simulated history (today, for a demo that goes on living); the companies
    themselves have no as_of, so their quarters go on with the real time.
    """
    business = simulate.simulate(seed=seed, as_of=as_of)
    with transaction.atomic():
        company = _load(
            business,
            slug=NORTHLIGHT,
            head=CompanyHead("Northlight Coaching", business.timezone, business.currency, 1),
            now=now,
        )
        members = _users(company, now)
        with company_context(company.pk):
            deals = _deal_ids()
            _complete_deals(company, business)
            reps = _complete_reps(business, members)
            written = _activities(company, business, deals, reps, members)
            notes = written + _notes(company, business, deals, reps, members)
        _neighbour(seed=seed + 1, as_of=as_of, now=now)
        recompute_all(company_id=company.pk, now=now)
        with company_context(company.pk):
            add_learning(company=company, members=members, as_of=as_of)
            add_experiments(company=company, members=members, as_of=as_of)
            add_review(by=Actor.member(members["Hugo Bremmer"]), now=as_of)
    return Demo(len(business.deals), len(business.moves), len(business.activities), notes)


def write_folder(
    folder: Path, *, head: CompanyHead, stages: Iterable[StageLine], business: Simulation
) -> None:
    """Write a simulation as an exchange folder."""
    exchange_write.write_company(folder, head)
    exchange_write.write_stages(folder, stages)
    exchange_write.write_rows(
        folder / exchange.DEALS,
        exchange.DEAL_COLUMNS,
        (_deal_cells(deal, head.currency) for deal in business.deals),
    )
    exchange_write.write_rows(
        folder / exchange.TRANSITIONS,
        exchange.TRANSITION_COLUMNS,
        (
            (m.id, m.deal_id, m.from_stage, m.to_stage, m.occurred_at, m.recorded_at, m.replaces)
            for m in business.moves
        ),
    )


def _deal_cells(deal: SimulatedDeal, currency: str) -> tuple[object, ...]:
    return (
        deal.id,
        deal.name,
        deal.customer,
        deal.channel if deal.source else None,  # a channel is a source's
        deal.source,
        deal.product,
        deal.rep,
        deal.team,
        deal.amount,
        currency,
        deal.lost_reason,
        deal.competitor,
    )


def _load(business: Simulation, *, slug: str, head: CompanyHead, now: datetime) -> Company:
    names = _NEIGHBOUR_STAGES if slug == NEIGHBOUR else {}
    stages = [
        StageLine(
            name=names.get(name, name),
            position=position,
            kind=kind,
            exit_criterion="" if names else simulate.EXIT_CRITERIA.get(name, ""),
        )
        for name, position, kind in simulate.STAGES
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder, head=head, stages=stages, business=business)
        loaded = load_company(folder=folder, slug=slug, by=PRODUCT, now=now)
    with company_context(loaded.company_id):
        company: Company = Company.objects.get(pk=loaded.company_id)
    return company


def _users(company: Company, now: datetime) -> dict[str, Membership]:
    """Sign-ins for the four roles, and accounts of the reps who have one. By person's name."""
    members: dict[str, Membership] = {}
    for role, email, name in _SIGN_INS:
        user = create_user(email=email, name=name, password=demo_password())
        members[name] = add_member(company=company, user=user, role=role, by=PRODUCT, now=now)
    for rep in simulate.REPS:
        if rep.has_login and rep.email and rep.name not in members:
            user = create_user(email=rep.email, name=rep.name, password=None)
            members[rep.name] = add_member(
                company=company, user=user, role=Role.REP, by=PRODUCT, now=now
            )
    return members


def _deal_ids() -> dict[int, int]:
    rows = Deal.objects.values_list("external_id", "id")
    return {int(external): deal_id for external, deal_id in rows}


def _complete_deals(company: Company, business: Simulation) -> None:
    """Next steps and reasons for buying, which the exchange format's deals.csv does not hold."""
    deals = [d for d in business.deals if d.next_step or d.won_reason]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipeline_deal d SET next_step = t.step, next_step_on = t.due,"
            " won_reason = t.reason FROM unnest(%s::text[], %s::text[], %s::date[], %s::text[])"
            " AS t(external, step, due, reason)"
            " WHERE d.company_id = %s AND d.external_id = t.external",
            [
                [str(d.id) for d in deals],
                [d.next_step or "" for d in deals],
                [d.next_step_on for d in deals],
                [d.won_reason or "" for d in deals],
                company.pk,
            ],
        )


def _complete_reps(business: Simulation, members: dict[str, Membership]) -> dict[str, int]:
    """Addresses, linked mailboxes, logins and leaving days: some reps have none of them."""
    starts = business.truth.quarter_starts
    ids: dict[str, int] = {}
    for rep in simulate.REPS:
        row = Rep.objects.get(name=rep.name)
        row.email = rep.email or ""
        row.membership = members.get(rep.name)
        if rep.has_login:
            linked = max(_day_in(starts, rep.joined), starts[0]) + timedelta(days=20)
            row.mailbox_linked_at = datetime.combine(linked, time(9, 12), tzinfo=UTC)
        if rep.left < len(starts) - 1:
            row.retired_at = datetime.combine(_day_in(starts, rep.left), time(16, 0), tzinfo=UTC)
        row.save()
        ids[rep.name] = row.pk
    return ids


def _day_in(starts: tuple[date, ...], quarter: float) -> date:
    return starts[int(quarter)] + timedelta(days=int((quarter % 1) * 91))


def _activities(
    company: Company,
    business: Simulation,
    deals: dict[int, int],
    reps: dict[str, int],
    members: dict[str, Membership],
) -> int:
    """Insert calls, meetings and e-mails with the notes about them; returns the notes."""
    ids = bulk.insert_rows(
        Activity,
        company.pk,
        ["deal_id", "rep_id", "kind", "happened_at", "happened_on", "subject", "recorded_at",
         "recorded_by_id"],
        (
            (
                deals[a.deal_id], reps[a.rep], a.kind, a.occurred_at,
                company.local_day(a.occurred_at), a.subject, a.occurred_at + timedelta(minutes=30),
                members[a.rep].user_id if a.rep in members else None,
            )
            for a in business.activities
        ),
    )  # fmt: skip
    with_note = [
        (a, activity_id)
        for a, activity_id in zip(business.activities, ids, strict=True)
        if a.note is not None
    ]
    bulk.insert_rows(
        Note,
        company.pk,
        ["deal_id", "activity_id", "body", "written_at", "author_id", "rep_id"],
        (
            (
                deals[a.deal_id], activity_id, a.note, a.occurred_at + timedelta(minutes=40),
                members[a.rep].user_id if a.rep in members else None, reps[a.rep],
            )
            for a, activity_id in with_note
        ),
    )  # fmt: skip
    return len(with_note)


def _notes(
    company: Company,
    business: Simulation,
    deals: dict[int, int],
    reps: dict[str, int],
    members: dict[str, Membership],
) -> int:
    bulk.insert_rows(
        Note,
        company.pk,
        ["deal_id", "body", "written_at", "author_id", "rep_id"],
        (
            (
                deals[n.deal_id], n.text, n.written_at,
                members[n.rep].user_id if n.rep in members else None, reps[n.rep],
            )
            for n in business.notes
        ),
    )  # fmt: skip
    return len(business.notes)


def _neighbour(*, seed: int, as_of: datetime, now: datetime) -> None:
    """A small company of others: the owner of Northlight may read it, nobody else of them."""
    business = simulate.simulate(seed=seed, as_of=as_of)
    kept = [deal for deal in business.deals if deal.opening % _EVERY == 0]
    ids = {deal.id for deal in kept}
    moves = [move for move in business.moves if move.deal_id in ids]
    small = replace(
        business,
        deals=tuple(_of_neighbour(deal) for deal in kept),
        moves=tuple(
            replace(
                move,
                from_stage=_NEIGHBOUR_STAGES.get(move.from_stage or ""),
                to_stage=_NEIGHBOUR_STAGES.get(move.to_stage or ""),
            )
            for move in moves
        ),
    )
    head = CompanyHead("Fennholt Events", "Europe/London", "GBP", 4)
    company = _load(small, slug=NEIGHBOUR, head=head, now=now)
    email, name = _NEIGHBOUR_OWNER
    owner = create_user(email=email, name=name, password=demo_password())
    add_member(company=company, user=owner, role=Role.OWNER, by=PRODUCT, now=now)
    visitor = User.objects.get(email=_SIGN_INS[0][1])
    add_member(company=company, user=visitor, role=Role.LEADER, by=PRODUCT, now=now)
    recompute_all(company_id=company.pk, now=now)


def _of_neighbour(deal: SimulatedDeal) -> SimulatedDeal:
    product = _NEIGHBOUR_PRODUCTS.get(deal.product or "")
    return replace(
        deal,
        name=f"{deal.customer}: {(product or 'event').lower()}",
        product=product,
        rep=_NEIGHBOUR_REPS[deal.opening // _EVERY % len(_NEIGHBOUR_REPS)],
        team=None,
        source=deal.source.replace("ABM list", "venue list") if deal.source else None,
    )
