"""Search: found whatever the accents, ranked, and nothing of anybody else's."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Contact, Customer, Rep
from pipeline.models.searched import DEALS_THAT_BEGIN
from pipeline.selectors.search import SHOWN, Found, search
from pipeline.services.deals import change_deal
from tests.personas import CANARY, NOW, World, client_of

URL = "/w/alpha/search/"
HX = {"HX-Request": "true"}


@pytest.fixture
def rep(world: World) -> Client:
    return client_of(world.a.user(Role.REP))


def found(world: World, text: str) -> Found:
    company = world.a.company
    with company_context(company.pk):
        return search(text=text, style=Style("en", "EUR"), today=company.local_day(NOW))


def names(world: World, text: str) -> dict[str, list[str]]:
    return {hits.kind: [hit.name for hit in hits.rows] for hits in found(world, text).kinds}


def rename(world: World, deal: str, name: str) -> None:
    with company_context(world.a.company.pk):
        by = world.a.actor(Role.MANAGER)
        change_deal(by=by, deal_id=world.a.deals[deal], now=NOW, name=name)


def test_each_kind_is_found(world: World, rep: Client) -> None:
    with company_context(world.a.company.pk):
        Contact.objects.create(
            customer=world.a.customers["Acme"], name="Zoë Adams", email="zoe@acme.example"
        )
    assert names(world, "ada") == {"reps": ["Ada"], "contacts": ["Zoë Adams"]}
    by_customer = names(world, "acme")
    assert by_customer["customers"] == ["Acme"]
    assert by_customer["contacts"] == ["Zoë Adams"]
    assert set(by_customer["deals"]) == set(world.a.deals)
    body = rep.get(URL, {"q": "acme"}).content.decode()
    assert f"/w/alpha/deals/{world.a.deals['open']}/" in body
    assert "/w/alpha/deals/list/?text=Acme&amp;state=all" in body
    assert (
        f"/w/alpha/deals/?rep={world.a.reps['Ada'].pk}"
        in rep.get(URL, {"q": "ada"}).content.decode()
    )


def test_accents_and_case_do_not_matter_and_parts_are_enough(world: World) -> None:
    rename(world, "open", "Élan Ångström Straße")
    for text in ("elan", "ÉLAN", "angstrom", "ngstr", "STRAßE", "elan angs", "e\u0301lan"):
        assert names(world, text)["deals"] == ["Élan Ångström Straße"], text
    assert "deals" not in names(world, "elan nothing")
    rename(world, "open", "Ёлка Привет")
    assert names(world, "привет")["deals"] == ["Ёлка Привет"]


def test_the_very_name_then_its_beginning_then_the_rest(world: World) -> None:
    for deal, name in (
        ("open", "Ultraplan"),
        ("new", "Plan B"),
        ("won late", "Plan"),
        ("lost late", "Big plan"),
    ):
        rename(world, deal, name)
    assert names(world, "plan")["deals"] == ["Plan", "Plan B", "Big plan", "Ultraplan"]


@pytest.mark.parametrize(
    "text", ["", " ", "%", "_", "\\", "a%", "\x00", "\ud83d", "'; --", "(" * 50, "\u202e", "%%%"]
)
def test_odd_text_finds_nothing_and_does_no_harm(world: World, rep: Client, text: str) -> None:
    assert found(world, text).kinds == ()
    for headers in ({}, HX):
        query = text.encode("utf-8", "surrogatepass").decode("latin-1")
        assert rep.get(URL, {"q": query}, headers=headers).status_code == 200


def test_a_long_text_is_cut_and_many_words_are_counted(world: World, rep: Client) -> None:
    assert len(found(world, "x" * 100_000).asked) == 100
    assert rep.get(URL, {"q": "a b c d e f g h " * 40}).status_code == 200
    assert rep.get(URL, {"q": "nul\x00here"}).status_code == 200


def test_nobody_elses_rows_are_found(world: World, rep: Client) -> None:
    with company_context(world.b.company.pk):
        Contact.objects.create(customer=world.b.customers["Acme"], name=f"{CANARY} Person")
    assert found(world, CANARY).kinds == ()
    for text in ("acme", "ada", "open", "person", "website"):
        for headers in ({}, HX):
            assert CANARY not in rep.get(URL, {"q": text}, headers=headers).content.decode()
    assert client_of(world.b.user(Role.OWNER)).get(URL, {"q": "acme"}).status_code == 404


def test_with_very_many_deals_beginnings_and_customers_are_found(
    world: World, rep: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.selectors.search.LARGE", 3)
    rename(world, "open", "Élan Vital")
    with company_context(world.b.company.pk):
        theirs = world.b.actor(Role.MANAGER)
        change_deal(by=theirs, deal_id=world.b.deals["open"], now=NOW, name="Elan Zanzibar")
    assert names(world, "ELAN v")["deals"] == ["Élan Vital"]
    assert names(world, "elan")["deals"] == ["Élan Vital"]
    assert "deals" not in names(world, "vital")
    assert set(names(world, "acme")["deals"]) == {"Élan Vital", *world.a.deals} - {"open"}
    body = rep.get(URL, {"q": "elan"}).content.decode()
    assert "by the beginning of their name" in body
    assert CANARY not in body
    for text in ("%", "_", "\\", "\x00", "'", "(" * 60):
        assert "deals" not in names(world, text)


def test_the_function_answers_for_the_active_company_alone(world: World) -> None:
    a, b = world.a.company.pk, world.b.company.pk

    def told(company: int, beginning: str = "") -> set[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM app_deals_that_begin(%s, %s, 100)", [company, beginning])
            return {pk for (pk,) in cursor.fetchall()}

    with company_context(a):
        assert told(a) == set(world.a.deals.values())
        assert told(b) == set()
        assert told(b, "zanzibar") == set()
    with company_context(b):
        assert told(a) == set()
        assert told(b, "zanzibar") == set(world.b.deals.values())
    assert told(a) == told(b) == set()


def test_the_function_can_use_the_index(owner_connection: Any) -> None:
    """The same expression on both sides; with the owner's rights no policy stands before it."""
    body = DEALS_THAT_BEGIN.body.replace("wanted", "1").replace("beginning", "'elan'")
    with owner_connection.transaction():
        owner_connection.execute("SELECT set_config('app.company_id', '1', true)")
        owner_connection.execute("SET LOCAL enable_seqscan = off")
        plan = owner_connection.execute(f"EXPLAIN {body.replace('most', '10')}").fetchall()
    said = "\n".join(line for (line,) in plan)
    assert "deal_by_folded_name" in said
    assert "~>=~" in said


def test_markup_in_names_and_queries_is_text(world: World, rep: Client) -> None:
    rename(world, "open", "<script>alert(1)</script>")
    body = rep.get(URL, {"q": "<script>alert"}).content.decode()
    assert "<script>alert" not in body
    assert body.count("&lt;script&gt;alert") >= 2


def test_at_most_some_dozens_of_a_kind_are_shown_and_more_is_said(
    world: World, rep: Client
) -> None:
    with company_context(world.a.company.pk):
        Customer.objects.bulk_create(Customer(name=f"Many {n:03}") for n in range(60))
    [hits] = found(world, "many").kinds
    assert (len(hits.rows), hits.more) == (SHOWN, True)
    assert "There are more." in rep.get(URL, {"q": "many"}).content.decode()


def test_the_number_of_queries_does_not_grow(world: World, rep: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert rep.get(URL, {"q": "a"}).status_code == 200
        return len(captured)

    queries()  # the first request of a client starts its session
    few = queries()
    with company_context(world.a.company.pk):
        Customer.objects.bulk_create(Customer(name=f"A {n}") for n in range(100))
        Rep.objects.bulk_create(Rep(name=f"A {n}") for n in range(100))
    assert queries() == few


def test_page_and_fragment(world: World, rep: Client) -> None:
    page = rep.get(URL, {"q": "acme"}).content.decode()
    part = rep.get(URL, {"q": "acme"}, headers=HX).content.decode()
    assert "<html" in page
    assert page.count('data-key="/"') == 1
    assert "<html" not in part
    assert 'id="results"' in part
    assert "Nothing is called" in rep.get(URL, {"q": "zzzz"}).content.decode()
    for role in Role:
        assert client_of(world.a.user(role)).get(URL).status_code == 200
    assert client_of(world.stranger).get(URL).status_code == 404
