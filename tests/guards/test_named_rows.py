"""A row that a form or a link names is the company's own, or it is as missing.

Every page of the company is read as its owner sees it: each field of a form and each parameter of
a link that holds or offers a number is sent with the neighbour's row and with a row that nobody
has. Both are answered alike, nothing of the neighbour shows, and nothing breaks. A field with
numbers that stands neither in ROWS nor in NUMBERS fails: say there what it names.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Notification
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all
from pipeline.models import Competitor, LossLevel, LostReason
from tests.guards import url_tree
from tests.guards.sent_fields import Sent, once, sent_by
from tests.guards.url_tree import ARGUMENTS, MISSING, Page, address, pages
from tests.personas import CANARY, NOW, Workspace, World, client_of

Row = Callable[[Workspace], int]


def _of(argument: str) -> Row:
    found = ARGUMENTS[argument]
    assert callable(found)
    return found


def _reason(level: str) -> Row:
    return lambda w: _named(w, LostReason, detail=f"{w.company.name} {level}", level=level)


def _competitor(w: Workspace) -> int:
    return _named(w, Competitor, name=f"{w.company.name} competitor")


def _named(workspace: Workspace, model: type, **values: object) -> int:
    with company_context(workspace.company.pk):
        return int(model.objects.get_or_create(**values)[0].pk)  # type: ignore[attr-defined]


def _notification(workspace: Workspace) -> int:
    user = workspace.user(Role.OWNER)
    with company_context(workspace.company.pk):
        values = {"kind": "quarter_final", "values": {"quarter": "2026-Q1"}, "created_at": NOW}
        return int(Notification.objects.get_or_create(user=user, key="k", defaults=values)[0].pk)


def _membership(workspace: Workspace) -> int:
    return int(workspace.members[Role.OWNER].pk)


def _user(workspace: Workspace) -> int:
    return int(workspace.user(Role.OWNER).pk)


_STAGE: Row = _of("stage_id")
_DEAL: Row = _of("deal_id")
# What a field names, by field or by page and field.
ROWS: dict[str, Row] = {
    "activity": _of("activity_id"),
    "author": lambda w: w.user(Role.REP).pk,
    "before": _STAGE,
    "competitor": _competitor,
    "competitor_id": _competitor,
    "contact": _of("contact_id"),
    "danger": _of("danger_point_id"),
    "danger_points": _of("danger_point_id"),
    "deal": _DEAL,
    "deal_id": _DEAL,
    "deals": _DEAL,
    "finding": _of("finding_id"),
    "findings": _of("finding_id"),
    "id": _notification,
    "into": _STAGE,
    "pipeline:settings_entry_merge into": lambda w: w.reps["Ben"].pk,
    "pipeline:settings_rep_hand_over into": lambda w: w.reps["Ben"].pk,
    "pipeline:settings_stage_retire into": lambda w: w.stages["Coach"].pk,
    "lost_reason_id": _reason("competitor"),
    "material": _of("material_id"),
    "membership_id": _membership,
    "more": _STAGE,
    "note": _of("note_id"),
    "owner": _user,
    "person": lambda w: w.user(Role.MANAGER).pk,
    "pipeline": lambda w: w.pipeline.pk,
    "product": url_tree._product,
    "product_id": url_tree._product,
    **{f"reason_{level}": _reason(level) for level in LossLevel.values},
    "rep": lambda w: w.reps["Ada"].pk,
    "rep_id": lambda w: w.reps["Ada"].pk,
    "review": _of("review_id"),
    "source": lambda w: w.sources["Website"].pk,
    "source_id": lambda w: w.sources["Website"].pk,
    "stage": _STAGE,
    "team": lambda w: w.reps["Ada"].team_id,
    "team_id": lambda w: w.reps["Ada"].team_id,
    "theme": _of("theme_id"),
    "towards": lambda w: w.stages["Coach"].pk,
}
# Numbers that name no row of the company.
NUMBERS = {
    "at": "the place of a stage",
    "c": "a number to try",
    "count": "how many deals matched",
    "due": "yes",
    "finish": "yes",
    "fiscal_year_start_month": "a month",
    "keep": "yes",
    "late": "yes",
    "lines": "how many lines",
    "look": "which button was pressed",
    "mine": "yes",
    "number": "the number of a version",
    "retired": "yes",
    "save": "which button was pressed",
    "seen": "the version of a quarter",
    "sure": "yes",
    "version": "the version of a row",
    "withdrawn": "yes",
    "work_out": "which button was pressed",
    "year": "a year",
}
# Fields and catalogues whose pages have other fields than those of the matrix do, and an entry.
FIELDS = ("rep", "source", "product")
CATALOGUES: dict[str, Row] = {"reps": lambda w: w.reps["Ada"].pk, "lost-reasons": _reason("other")}
# What pages take, and no page of this test shows: (method, page, field, what else is sent).
UNSEEN: list[tuple[str, str, str, dict[str, str]]] = [
    ("post", "pipeline:note_add", "activity", {"body": "Called back", "key": "a"}),
    ("post", "pipeline:mail_assign", "deal_id", {}),
    ("post", "accounts:notification_read", "id", {}),
    ("get", "pipeline:board", "more", {}),
]
# How a row is named where its number does not stand alone.
SHAPES = {"more": "{}-100"}
# A field that counts only beside another.
BESIDE = {f"reason_{level}": {"level": level} for level in LossLevel.values}
BESIDE["competitor"] = {"level": LossLevel.COMPETITOR.value}
_RANDOM = re.compile(r"[0-9a-zA-Z_-]{32,}")


@pytest.fixture
def full(world: World) -> World:
    """Both companies have a row of everything that can be named, and figures."""
    for workspace in (world.a, world.b):
        for row in ROWS.values():
            row(workspace)
        for page in pages():
            if page.of_a_company:
                address(page, slug=workspace.company.slug, rows_of=workspace)
        recompute_all(company_id=workspace.company.pk, now=NOW)
    return world


def offered(client: Client, world: World) -> list[Sent]:
    """What the company's pages send, and what they take without sending it here."""
    found, of_name = [], {}
    for page in filter(lambda page: page.of_a_company, pages()):
        url = of_name[page.name] = address(page, slug="alpha", rows_of=world.a)
        for at in (url, *other_words(page, url, world.a)):
            response = client.get(at)
            if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
                found += sent_by(response.content.decode(), at=at)
    for method, name, field, more in UNSEEN:
        values = {field: [""], **{key: [value] for key, value in more.items()}}
        found.append(Sent(method, of_name[name], name, values, {field: set()}))
    return [s for s in found if urlsplit(s.url).path.startswith("/w/alpha/")]


def other_words(page: Page, url: str, workspace: Workspace) -> Iterator[str]:
    """The same address of other fields, and of entries of other catalogues; why a deal was lost is
    asked of one that was."""
    if "catalogue" in page.arguments:
        for name, row in CATALOGUES.items():
            there = url.replace(f"/{ARGUMENTS['catalogue']}/", f"/{name}/")
            yield there.replace(f"/{url_tree._product(workspace)}/", f"/{row(workspace)}/")
    if "field" in page.arguments:
        for name in FIELDS:
            yield url.replace(f"/{ARGUMENTS['field']}/", f"/{name}/")
        kwargs = {"company_slug": workspace.company.slug, "deal_id": workspace.deals["lost late"]}
        yield reverse(page.name, kwargs={**kwargs, "field": "lost_reason"})


def row_of(sent: Sent, name: str) -> Row | None:
    return ROWS.get(f"{sent.page} {name}", ROWS.get(name))


@contextmanager
def undone() -> Iterator[None]:
    """What is sent in here leaves nothing behind."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def send(client: Client, sent: Sent) -> HttpResponse:
    url, query = urlsplit(sent.url).path, urlencode(sent.values, doseq=True)
    for cookie in {*client.cookies} - {settings.SESSION_COOKIE_NAME}:
        del client.cookies[cookie]  # what another answer had still to say
    with undone():
        if sent.method == "get":
            return client.get(f"{url}?{query}")
        return client.post(url, sent.values)


def told(response: HttpResponse, *ids: int) -> tuple[int, str, str]:
    """What can be told from an answer, without the asked ids and what is new in every answer."""
    texts = [response.content.decode(errors="replace"), response.get("Location", "")]
    for number in ids:
        texts = [re.sub(rf"\b{number}\b", "ID", text) for text in texts]
    body, location = (_RANDOM.sub("RANDOM", text) for text in texts)
    return response.status_code, body, location


def apart(one: tuple[int, str, str], other: tuple[int, str, str]) -> str:
    """Where two answers begin to differ."""
    texts = [f"{status} {location} {body}" for status, body, location in (one, other)]
    at = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
    return " | ".join(text[max(0, at - 60) : at + 60] for text in texts)


def field_problems(client: Client, world: World, sent: Sent, name: str, row: Row) -> list[str]:
    place = f"{sent.method} {sent.page} {name}"
    theirs = row(world.b)
    answers = []
    for number in (theirs, MISSING):
        values = {**sent.values, **{k: [v] for k, v in BESIDE.get(name, {}).items()}}
        value = SHAPES.get(name, "{}").format(number)
        asked = replace(sent, values={**values, name: [value]})
        response = send(client, asked)
        answers.append(told(response, theirs, MISSING))
        if response.status_code >= 500:
            return [f"{place}: {response.status_code}"]
    said = []
    if answers[0] != answers[1]:
        said.append(f"{place}: the neighbour's row is unlike a missing one: {apart(*answers)}")
    if any(CANARY in text for text in answers[0][1:]):
        said.append(f"{place}: shows the neighbour's row")
    return said


def not_offered(sent: Sent, name: str, row: Row, workspace: Workspace) -> list[str]:
    """A select that does not offer the company's own row, so that ROWS names rows of another kind:
    the neighbour's is then refused, or by chance taken, for what it is not."""
    offered = sent.numbers[name]
    if not offered or row(workspace) in offered:
        return []
    return [f"{sent.method} {sent.page} {name}: say in ROWS what it names, it offers {offered}"]


def unknown_fields(found: list[tuple[Sent, str]]) -> list[str]:
    """Fields with numbers of which nobody has said what they name, and names that nothing sends."""
    said = {
        f"{s.page} {n}: say in ROWS what it names, or in NUMBERS what it counts"
        for s, n in found
        if row_of(s, n) is None and n not in NUMBERS
    }
    sent = {n for _, n in found} | {f"{s.page} {n}" for s, n in found}
    said |= {f"{n}: no page sends it" for n in [*ROWS, *NUMBERS] if n not in sent}
    return sorted(said)


def test_a_row_of_the_neighbour_in_a_body_or_a_query_is_as_missing(full: World) -> None:
    client = client_of(full.a.user(Role.OWNER))
    found = list(once(offered(client, full)))
    said = unknown_fields(found)
    for sent, name in found:
        row = row_of(sent, name)
        if row is not None:
            said += not_offered(sent, name, row, full.a)
            said += field_problems(client, full, sent, name, row)
    assert said == [], "\n".join(said)
    assert len(found) > 80
