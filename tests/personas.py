"""The people of the tests: two companies, everybody in them, and those who are in neither.

Company A is the one that tests work in. Company B is the neighbour: whatever of it shows up in
A is a leak, and its texts carry CANARY so that one can be found anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.actors import Actor
from accounts.models import Company, Membership, User
from accounts.roles import Role
from accounts.services.companies import add_member, create_company
from accounts.tenancy.context import company_context
from pipeline.models import Customer, Pipeline, Rep, Source, Stage, Team
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from tests.kept_rows import made_once

NOW = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)  # a Wednesday in Q2, after Q1 became final
CANARY = "Zanzibar"  # in every name of company B
OPERATOR = Actor.product("tests")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A company with one member of each role, a pipeline, and deals by name."""

    company: Company
    members: dict[Role, Membership]
    pipeline: Pipeline
    stages: dict[str, Stage]
    deals: dict[str, int] = field(default_factory=dict)
    reps: dict[str, Rep] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)

    def actor(self, role: Role) -> Actor:
        return Actor.member(self.members[role])

    def user(self, role: Role) -> User:
        return self.members[role].user


@dataclass(frozen=True, slots=True)
class World:
    a: Workspace
    b: Workspace
    removed: User  # was a manager of A, and is no member of anything
    stranger: User  # has an account and no company


def make_user(email: str) -> User:
    """A user who can sign in; the password is the address."""
    from allauth.account.models import EmailAddress

    user = User.objects.create_user(email=email, password=email, name=email.split("@")[0].title())
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def make_workspace(slug: str, *, mark: str = "", now: datetime = NOW, **settings: Any) -> Workspace:
    """A company with a member of each role, a pipeline of three open stages, no deals."""
    company = create_company(
        slug=slug, name=f"{mark}{slug.title()}", by=OPERATOR, now=now, **settings
    )
    members = {}
    for role in Role:
        user = make_user(f"{role.value}@{slug}.example")
        members[role] = add_member(company=company, user=user, role=role, by=OPERATOR, now=now)
    with company_context(company.pk), transaction.atomic():
        pipeline = Pipeline.objects.create(name=f"{mark}Sales")
        stages = {
            name: Stage.objects.create(
                pipeline=pipeline, name=f"{mark}{name}", kind=kind, position=position
            )
            for name, kind, position in [
                ("Booked", "open", 1),
                ("Held", "open", 2),
                ("Coach", "open", 3),
                ("Won", "won", None),
                ("Lost", "lost", None),
            ]
        }
        team = Team.objects.create(name=f"{mark}Team North")
        reps = {
            name: Rep.objects.create(name=f"{mark}{name}", team=team, membership=membership)
            for name, membership in [("Ada", members[Role.REP]), ("Ben", None)]
        }
        sources = {
            "Website": Source.objects.create(name=f"{mark}Website", channel="inbound"),
            "Calls": Source.objects.create(name=f"{mark}Calls", channel="outbound"),
        }
        customers = {"Acme": Customer.objects.create(name=f"{mark}Acme")}
    return Workspace(
        company, members, pipeline, stages, reps=reps, sources=sources, customers=customers
    )


def add_deals(workspace: Workspace, *, mark: str = "", now: datetime = NOW) -> None:
    """A few deals of two quarters: won, lost, and open in each stage."""
    by = workspace.actor(Role.MANAGER)
    plans = {
        "won early": (150, ["Booked", "Held", "Coach", "Won"]),
        "lost early": (140, ["Booked", "Held", "Lost"]),
        "won late": (40, ["Booked", "Held", "Coach", "Won"]),
        "lost late": (35, ["Booked", "Lost"]),
        "open": (20, ["Booked", "Held"]),
        "new": (3, ["Booked"]),
    }
    with company_context(workspace.company.pk):
        for index, (name, (age, path)) in enumerate(plans.items()):
            start = now - timedelta(days=age)
            first, *rest = path
            recorded = open_deal(
                by=by,
                pipeline_id=workspace.pipeline.pk,
                stage_id=workspace.stages[first].pk,
                name=f"{mark}{name}",
                occurred_at=start,
                now=now,
                amount=Decimal(1000 * (index + 1)),
                rep_id=workspace.reps["Ada" if index % 2 else "Ben"].pk,
                source_id=workspace.sources["Website" if index % 3 else "Calls"].pk,
                customer_id=workspace.customers["Acme"].pk,
            )
            for step, stage in enumerate(rest, start=1):
                move_deal(
                    by=by,
                    deal_id=recorded.deal_id,
                    to_stage_id=workspace.stages[stage].pk,
                    occurred_at=start + timedelta(days=step * 2),
                    now=now,
                )
            workspace.deals[name] = recorded.deal_id


def make_world(*, deals: bool = True) -> World:
    a = make_workspace("alpha")
    b = make_workspace("beta", mark=f"{CANARY} ")
    if deals:
        add_deals(a)
        add_deals(b, mark=f"{CANARY} ")
    removed = make_user("removed@alpha.example")
    membership = add_member(
        company=a.company, user=removed, role=Role.MANAGER, by=OPERATOR, now=NOW
    )
    with company_context(a.company.pk), transaction.atomic():
        membership.delete()
    return World(a, b, removed, make_user("stranger@nowhere.example"))


def client_of(user: User | None) -> Client:
    """A browser in which this user is signed in, or nobody."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def _companies(made: World) -> tuple[int, int]:
    return made.a.company.pk, made.b.company.pk


def _world() -> World:
    return made_once("world", make_world, _companies)


def _quiet_world() -> World:
    return made_once("quiet world", partial(make_world, deals=False), _companies)


def _alpha() -> Workspace:
    return made_once("alpha", partial(make_workspace, "alpha"), lambda made: [made.company.pk])


@pytest.fixture
def world(db: None) -> World:
    """Two companies in the test's transaction."""
    return _world()


@pytest.fixture
def quiet_world(db: None) -> World:
    """The same without deals, which is sooner made."""
    return _quiet_world()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    """Two companies that every connection sees."""
    return _world()


@pytest.fixture
def alpha(db: None) -> Iterator[Workspace]:
    """Company A without deals, active, in the test's transaction."""
    workspace = _alpha()
    with company_context(workspace.company.pk):
        yield workspace


@pytest.fixture
def committed_alpha(transactional_db: None) -> Workspace:
    """Company A without deals, committed; tests with threads open its context themselves."""
    return _alpha()
