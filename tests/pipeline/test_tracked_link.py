"""Following a tracked link: where it leads, what it tells, who is counted."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Contact, Deal, Material, MaterialUse, TrackedLink
from pipeline.selectors.link_tokens import token_of
from pipeline.services.link_address import kept_address
from pipeline.services.material import MaterialValues, add_material, change_material
from pipeline.services.tracked_links import make_link, revoke_link
from tests.personas import CANARY, NOW, Workspace, World, client_of

pytestmark = pytest.mark.usefixtures("clock_stands")

ADDRESS = "https://stories.example/acme?page=2&lang=de#top"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
REFUSED = 404


@pytest.fixture
def clock_stands() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@contextmanager
def inside(workspace: Workspace) -> Iterator[None]:
    with company_context(workspace.company.pk), transaction.atomic():
        yield


def made(workspace: Workspace, *, contact_id: int | None = None, title: str = "Case") -> str:
    """A link's token."""
    with inside(workspace):
        by = workspace.actor(Role.MANAGER)
        material = add_material(by=by, values=MaterialValues(title, address=ADDRESS), now=NOW)
        link = make_link(
            by=by,
            material_id=material.pk,
            deal_id=workspace.deals["open"],
            contact_id=contact_id,
            now=NOW,
        )
        token = token_of(link)
    assert token is not None
    return token


def follow(token: str, client: Client | None = None, **headers: str) -> HttpResponse:
    told = {"User-Agent": BROWSER, **{k.replace("_", "-"): v for k, v in headers.items()}}
    found: HttpResponse = (client or Client()).get(f"/m/{token}/", headers=told)
    return found


def openings(workspace: Workspace) -> list[MaterialUse]:
    with inside(workspace):
        return list(MaterialUse.objects.filter(kind="opened").order_by("id"))


HOSTILE = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://files.example/a",
    "mailto:someone@example.com",
    "//evil.example/",
    "/account/logout/",
    "\\\\evil.example",
    "https:\\\\evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:evil.example",
    "http://",
    "https://good.example\\@evil.example/",
    "https://good.example@evil.example/",
    "https://user:secret@good.example/",
    "https://@evil.example/",
    "https://good.example\r\nSet-Cookie: a=b",
    "https://good.example/\x00",
    "https://good.example/a b",
    "https://good.example/\u202egpj.exe",
    "https://good.example:99999/",
    "https://good.example:port/",
    "https://[::1/",
    "https://-bad-.example/",
    "https://good..example/",
    "https://\u2100.example@x/",
    "https://" + "a" * 1000 + ".example/",
    "https://good.example/" + "a" * 1000,
    "\ud800https://good.example/",
    "good.example",
    "javascript://good.example/%0aalert(1)",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_is_refused_at_writing(address: str) -> None:
    with pytest.raises(DomainError) as refusal:
        kept_address(address)
    assert refusal.value.sentence


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("  https://good.example/a ", "https://good.example/a"),
        ("HTTP://Good.example/A?b=C#d", "http://good.example/A?b=C#d"),
        ("https://münchen.example/ä", "https://xn--mnchen-3ya.example/ä"),
        ("https://good.example:8443/", "https://good.example:8443/"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
        ("https://good.example/?to=https://other.example/@x", None),
    ],
)
def test_a_good_address_is_kept_as_it_travels(typed: str, kept: str | None) -> None:
    assert kept_address(typed) == (typed if kept is None else kept)
    assert kept_address(kept_address(typed)) == kept_address(typed)


def test_material_with_a_hostile_address_cannot_be_written(world: World) -> None:
    by = world.a.actor(Role.MANAGER)
    with inside(world.a):
        fine = add_material(by=by, values=MaterialValues("Case", address=ADDRESS), now=NOW)
        for address in ("javascript:alert(1)", "//evil.example", "https://a@evil.example/"):
            with pytest.raises(DomainError):
                add_material(by=by, values=MaterialValues("Other", address=address), now=NOW)
            with pytest.raises(DomainError):
                change_material(
                    by=by,
                    material_id=fine.pk,
                    values=MaterialValues("Case", address=address),
                    version=fine.version,
                    now=NOW,
                )
        assert list(Material.objects.values_list("address", flat=True)) == [ADDRESS]


def test_it_leads_to_the_stored_address_and_nowhere_else(world: World) -> None:
    token = made(world.a)
    response = follow(token)
    assert response.status_code == 302
    assert response["Location"] == ADDRESS
    for query in ("?next=https://evil.example/", "?to=//evil.example", "?address=javascript:x"):
        asked = Client().get(f"/m/{token}/{query}", headers={"User-Agent": BROWSER})
        assert asked["Location"] == ADDRESS
    asked = Client().get(
        f"/m/{token}/",
        headers={"User-Agent": BROWSER, "X-Forwarded-Host": "evil.example", "X-Original-URL": "/x"},
    )
    assert asked["Location"] == ADDRESS
    assert Client().post(f"/m/{token}/", {"next": "https://evil.example"}).status_code == 405


def test_a_changed_material_does_not_move_links_that_were_sent(world: World) -> None:
    token = made(world.a)
    with inside(world.a):
        material = Material.objects.get()
        change_material(
            by=world.a.actor(Role.MANAGER),
            material_id=material.pk,
            values=MaterialValues("Case", address="https://elsewhere.example/"),
            version=material.version,
            now=NOW,
        )
    assert follow(token)["Location"] == ADDRESS


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://x@evil.example/", "//evil.example/", ""]
)
def test_what_came_into_the_table_otherwise_leads_nowhere(world: World, address: str) -> None:
    token = made(world.a)
    with inside(world.a):
        TrackedLink.objects.update(address=address)
    assert follow(token).status_code == REFUSED
    assert openings(world.a) == []


def test_a_token_cannot_be_guessed_nor_read_from_the_table(world: World, settings: Any) -> None:
    tokens = [made(world.a, title=f"Case {n}") for n in range(20)]
    assert len(set(tokens)) == 20
    for token in tokens:
        assert len(token) == 43  # 256 bits in base64
        assert len(set(token)) > 15
    with inside(world.a), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(l)::text FROM pipeline_trackedlink l")
        rows = " ".join(row[0] for row in cursor.fetchall())
        assert not any(token in rows for token in tokens)
        link = TrackedLink.objects.order_by("id").first()
        assert link is not None
        assert link.token_hash == hashlib.sha256(tokens[0].encode()).hexdigest()
        settings.SECRET_KEY = "another key than the one it was made with"
        assert token_of(link) is None
        settings.SECRET_KEY_FALLBACKS = []
    # The hash that is kept finds it though the key is another one: sent links go on working.
    assert follow(tokens[0]).status_code == 302


def test_a_former_key_still_shows_the_token(world: World, settings: Any) -> None:
    token = made(world.a)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the key of this year"
    with inside(world.a):
        assert token_of(TrackedLink.objects.get()) == token


def told(answer: HttpResponse) -> dict[str, str]:
    """What its headers say of the link; the number of the request says nothing."""
    return {name: value for name, value in answer.items() if name != "X-Request-ID"}


def test_unknown_revoked_and_malformed_are_one_answer(world: World) -> None:
    token = made(world.a)
    with inside(world.a):
        revoke_link(by=world.a.actor(Role.MANAGER), link_id=TrackedLink.objects.get().pk, now=NOW)
    answers = [
        follow(t)
        for t in (token, "A" * 43, "x", token[:-1], token + "A", "ü" * 43, "a.b", "%00", "A" * 900)
    ]
    first = answers[0]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.content == first.content
        assert told(answer) == told(first)
        assert not answer.cookies
    text = first.content.decode()
    for word in ("alpha", "Alpha", "Case", "Acme", "Leverpoint", "workspace"):
        assert word not in text
    assert openings(world.a) == []


def test_a_buyer_gets_a_redirect_and_learns_nothing(world: World) -> None:
    response = follow(made(world.b, title=f"{CANARY} case"))
    assert response.status_code == 302
    assert response.content == b""
    assert not response.cookies
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    told = " ".join(f"{k}: {v}" for k, v in response.items())
    for word in ("beta", "Beta", CANARY, "Acme", "Sales"):
        assert word not in told
    [use] = openings(world.b)
    assert openings(world.a) == []
    assert (use.kind, use.deal_id, use.recorded_by_id) == ("opened", world.b.deals["open"], None)
    assert use.happened_on == NOW.date()
    assert "127.0.0.1" not in use.reader


def test_one_person_is_counted_once_in_half_an_hour(world: World) -> None:
    token, other = made(world.a), made(world.a, title="Deck")
    for minutes, expected in ((0, 1), (10, 1), (29, 1), (31, 2), (59, 2)):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            follow(token)
        assert len(openings(world.a)) == expected, minutes
    follow(token, User_Agent="Mozilla/5.0 (iPhone) Safari")
    follow(other)
    found = openings(world.a)
    assert len(found) == 4
    # Two openings of one reader, another browser, and the same reader in another link.
    assert len({use.reader for use in found}) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"User_Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"User_Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User_Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"},
        {"User_Agent": "facebookexternalhit/1.1"},
        {"User_Agent": "WhatsApp/2.23"},
        {"User_Agent": "Mozilla/5.0 SkypeUriPreview Preview/0.5"},
        {"User_Agent": "Barracuda Sentinel (EE)"},
        {"User_Agent": "python-requests/2.32"},
        {"User_Agent": "curl/8.5.0"},
        {"User_Agent": ""},
        {"Purpose": "prefetch"},
        {"Sec_Purpose": "prefetch;prerender"},
        {"X_Moz": "prefetch"},
        {"DNT": "1"},
        {"Sec_GPC": "1"},
    ],
)
def test_machines_and_who_asks_not_to_be_are_not_counted(
    world: World, headers: dict[str, str]
) -> None:
    assert follow(made(world.a), **headers)["Location"] == ADDRESS
    assert openings(world.a) == []


def test_a_browser_that_does_not_mind_is_counted(world: World) -> None:
    follow(made(world.a), DNT="0", User_Agent="Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Chrome/99")
    assert len(openings(world.a)) == 1


def test_a_head_is_not_an_opening(world: World) -> None:
    response = Client().head(f"/m/{made(world.a)}/", headers={"User-Agent": BROWSER})
    assert (response.status_code, response["Location"]) == (302, ADDRESS)
    assert openings(world.a) == []


def test_members_of_the_company_are_not_counted_and_others_are(world: World) -> None:
    token = made(world.a)
    for role in Role:
        response = follow(token, client_of(world.a.user(role)))
        assert response["Location"] == ADDRESS
    assert openings(world.a) == []
    # Who has an account elsewhere is a buyer here.
    assert follow(token, client_of(world.b.user(Role.OWNER)))["Location"] == ADDRESS
    assert follow(token, client_of(world.stranger))["Location"] == ADDRESS
    assert len(openings(world.a)) == 1  # one address and browser: one reader


def test_a_contact_who_is_not_to_be_tracked_is_not(world: World) -> None:
    with inside(world.a):
        customer = Deal.objects.get(pk=world.a.deals["open"]).customer
        contact = Contact.objects.create(customer=customer, name="Mia", do_not_track=True)
    token = made(world.a, contact_id=contact.pk)
    assert follow(token)["Location"] == ADDRESS
    assert openings(world.a) == []
    with inside(world.a):
        Contact.objects.update(do_not_track=False)
    follow(token)
    assert [use.contact_id for use in openings(world.a)] == [contact.pk]


def test_following_is_limited_by_address(world: World, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "tracked_link": "3/m/ip"}
    token = made(world.a)
    answers = [follow(t).status_code for t in (token, "A" * 43, token)]
    assert answers == [302, 404, 302]
    for asked in (token, "A" * 43):
        late = follow(asked)
        assert (late.status_code, late.content, late["Retry-After"]) == (429, b"", "60")
        assert "Location" not in late
    elsewhere = Client(REMOTE_ADDR="203.0.113.9").get(f"/m/{token}/")
    assert elsewhere.status_code == 302


def test_a_link_is_not_counted_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.services.openings.MOST_OPENINGS", 2)
    token = made(world.a)
    for n in range(4):
        assert follow(token, User_Agent=f"{BROWSER} {n}").status_code == 302
    assert len(openings(world.a)) == 2


def test_the_limit_of_the_product_is_in_force(world: World, settings: Any) -> None:
    assert settings.ACCOUNT_RATE_LIMITS["tracked_link"] == "60/m/ip"
