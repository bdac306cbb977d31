"""New deal: recognised customers, duplicates pointed out, one effect per key."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Customer, Deal, Pipeline
from pipeline.selectors.customers_typed import customers_typed
from pipeline.selectors.folded import fold, words_of
from tests.personas import CANARY, World, client_of

URL = "/w/alpha/deals/new/"
HX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/alpha/deals/"}


def sent(world: World, **more: Any) -> dict[str, Any]:
    return {
        "customer": "Globex",
        "name": "",
        "amount": "",
        "currency": world.a.company.currency,
        "pipeline": world.a.pipeline.pk,
        "when": "now",
        "key": "key-1",
        **more,
    }


def deals(world: World) -> list[Deal]:
    with company_context(world.a.company.pk):
        return list(
            Deal.objects.select_related("customer", "stage", "rep", "source").order_by("id")
        )


def add_customers(world: World, *names: str) -> None:
    with company_context(world.a.company.pk):
        Customer.objects.bulk_create(Customer(name=name) for name in names)


@pytest.fixture
def rep(quiet_world: World) -> Client:
    return client_of(quiet_world.a.user(Role.REP))


def test_a_customer_alone_makes_a_deal(quiet_world: World, rep: Client) -> None:
    response = rep.post(URL, sent(quiet_world))
    assert response.status_code == 303
    [deal] = deals(quiet_world)
    assert (deal.name, deal.customer.name, deal.stage.name) == ("Globex", "Globex", "Booked")
    assert deal.rep_id is None or deal.rep.name == "Ada"
    assert deal.amount is None
    assert response["Location"].endswith(f"#deal-{deal.pk}")


def test_the_form_offers_the_own_rep_and_the_source_used_last(world: World) -> None:
    client = client_of(world.a.user(Role.REP))
    body = client.get(URL).content.decode()
    ada, source = world.a.reps["Ada"], world.a.sources["Calls"]
    with company_context(world.a.company.pk):
        last = Deal.objects.filter(rep=ada).order_by("-id")[0].source_id
    assert f'<option value="{ada.pk}" selected>' in body
    assert f'<option value="{last}" selected>' in body
    assert source.name in body
    assert CANARY not in body


@pytest.mark.parametrize("headers", [{}, HX], ids=["plain", "htmx"])
def test_an_open_deal_of_the_customer_is_pointed_out_before(
    world: World, headers: dict[str, str]
) -> None:
    client = client_of(world.a.user(Role.REP))
    before = len(deals(world))
    response = client.post(URL, sent(world, customer="acme"), headers=headers)
    assert response.status_code == 422
    body = response.content.decode()
    assert "2 open deals" in body
    assert f"/w/alpha/deals/{world.a.deals['open']}/" in body
    assert len(deals(world)) == before
    acme = world.a.customers["Acme"].pk
    assert f'name="anyway" value="{acme}"' in body
    response = client.post(URL, sent(world, customer="acme", anyway=acme), headers=headers)
    assert response.status_code in (200, 303)
    made = deals(world)[-1]
    assert (made.name, made.customer_id) == ("Acme", acme)
    assert len(deals(world)) == before + 1


def test_what_was_confirmed_for_one_customer_is_asked_again_for_another(world: World) -> None:
    add_customers(world, "Other")
    client = client_of(world.a.user(Role.REP))
    with company_context(world.a.company.pk):
        other = Customer.objects.get(name="Other")
    response = client.post(URL, sent(world, customer="Acme", anyway=other.pk))
    assert response.status_code == 422


def test_names_like_it_are_asked_for_and_either_answer_counts(
    quiet_world: World, rep: Client
) -> None:
    add_customers(quiet_world, "Globex GmbH")
    response = rep.post(URL, sent(quiet_world, customer="Globex"))
    assert response.status_code == 422
    [value] = re.findall(r'name="meant" value="(\d+:Globex)"', response.content.decode())
    assert deals(quiet_world) == []
    assert rep.post(URL, sent(quiet_world, meant=value)).status_code == 303
    assert rep.post(URL, sent(quiet_world, meant="new:Globex", key="key-2")).status_code == 303
    assert [d.customer.name for d in deals(quiet_world)] == ["Globex GmbH", "Globex"]


def test_an_answer_counts_for_the_text_it_was_given_for_only(
    quiet_world: World, rep: Client
) -> None:
    add_customers(quiet_world, "Globex GmbH", "Initech")
    response = rep.post(URL, sent(quiet_world, customer="Initech", meant="new:Globex"))
    assert response.status_code == 303
    assert deals(quiet_world)[0].customer.name == "Initech"
    response = rep.post(URL, sent(quiet_world, customer="Globex", meant="new:Initech", key="key-2"))
    assert response.status_code == 422


def test_one_key_opens_one_deal(quiet_world: World, rep: Client) -> None:
    answers = [rep.post(URL, sent(quiet_world)).status_code for _ in range(3)]
    assert answers == [303, 303, 303]
    assert len(deals(quiet_world)) == 1
    response = rep.post(URL, sent(quiet_world, customer="Globex", name="Something else"))
    assert response.status_code == 422
    assert "sent before" in response.content.decode()


def test_with_htmx_the_page_that_asked_is_drawn_and_undo_is_offered(
    quiet_world: World, rep: Client
) -> None:
    response = rep.post(URL, sent(quiet_world), headers=HX)
    assert response["HX-Retarget"] == "#board-head"
    assert '"undo": "/w/alpha/transitions/' in response["HX-Trigger"]
    assert "dialog-close" in response["HX-Trigger"]
    elsewhere = {**HX, "HX-Current-URL": "http://testserver/w/alpha/definitions/"}
    response = rep.post(
        URL,
        sent(quiet_world, key="key-2", anyway=deals(quiet_world)[0].customer_id),
        headers=elsewhere,
    )
    assert response["HX-Reswap"] == "none"
    assert '"href": "/w/alpha/deals/' in response["HX-Trigger"]


def test_it_can_be_backdated_and_a_closed_quarter_is_asked_about(quiet_world: World) -> None:
    rep = client_of(quiet_world.a.user(Role.REP))
    manager = client_of(quiet_world.a.user(Role.MANAGER))
    old = {"when": "day", "day": "2020-02-03"}
    response = rep.post(URL, sent(quiet_world, **old))
    assert response.status_code == 422
    assert "Ask a manager" in response.content.decode()
    with company_context(quiet_world.a.company.pk):
        assert not Customer.objects.filter(name="Globex").exists()  # both or neither
    response = manager.post(URL, sent(quiet_world, **old))
    assert response.status_code == 422
    assert "restates" in response.content.decode()
    assert manager.post(URL, sent(quiet_world, **old, restate="1")).status_code == 303
    assert str(deals(quiet_world)[0].opened_on) == "2020-02-03"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"customer": ""}, "Say who the customer is."),
        ({"customer": "Glo\x00bex"}, "cannot be kept"),
        ({"name": "x" * 251}, "at most 250"),
        ({"amount": "-5"}, "never negative"),
        ({"amount": "lots"}, "number"),
        ({"pipeline": "999999999"}, "valid choice"),
        ({"rep": "999999999"}, "valid choice"),
        ({"source": "abc"}, "valid choice"),
        ({"when": "day", "day": "2999-01-01"}, "future"),
        ({"key": ""}, "Reload the page"),
        ({"meant": "999999999:Globex"}, "does not exist"),
        ({"customer": "  "}, "Say who the customer is."),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_kept(
    quiet_world: World, rep: Client, bad: dict[str, str], said: str
) -> None:
    response = rep.post(URL, sent(quiet_world, **{"name": "kept name", **bad}), headers=HX)
    assert response.status_code == 422
    body = response.content.decode()
    assert said in body
    assert "<html" not in body
    assert "kept name" in body or "name" in bad
    assert deals(quiet_world) == []


def test_rows_of_the_neighbour_cannot_be_named(world: World) -> None:
    client = client_of(world.a.user(Role.OWNER))
    b = world.b
    theirs = {
        "pipeline": b.pipeline.pk,
        "rep": b.reps["Ada"].pk,
        "source": b.sources["Website"].pk,
        "meant": f"{b.customers['Acme'].pk}:Globex",
    }
    missing = dict.fromkeys(theirs, 999_999_999) | {"meant": "999999999:Globex"}
    for name, value in theirs.items():
        one = client.post(URL, sent(world, **{name: value}))
        other = client.post(URL, sent(world, **{name: missing[name]}))
        assert one.status_code == other.status_code == 422
        assert CANARY not in one.content.decode()
    body = client.get(f"/w/alpha/customers/suggest/?customer={CANARY}", headers=HX).content.decode()
    assert 'id="customer-new"' in body
    assert not re.search(r'id="customer-\d', body)


def test_suggestions_and_hints(world: World) -> None:
    client = client_of(world.a.user(Role.REP))
    body = client.get("/w/alpha/customers/suggest/?customer=ACM", headers=HX).content.decode()
    acme = world.a.customers["Acme"]
    assert f'data-meant="{acme.pk}:Acme"' in body
    assert "2 open deals" in body
    assert 'data-meant="new:ACM"' in body
    body = client.get("/w/alpha/customers/suggest/?customer=acme", headers=HX).content.decode()
    assert "customer-new" not in body
    hints = client.get("/w/alpha/deals/new/hints/?customer=acme", headers=HX).content.decode()
    assert "2 open deals" in hints
    assert "Open anyway" in hints
    assert (
        "Open deal"
        in client.get("/w/alpha/deals/new/hints/?customer=zz", headers=HX).content.decode()
    )
    assert client.get("/w/alpha/customers/suggest/?customer=acme").status_code == 302


@pytest.mark.parametrize("text", ["", "%", "_", "\\", "\x00", "a" * 5000, "\u202e", "🙂", "(", "İ"])
def test_odd_text_is_looked_for_without_harm(world: World, text: str) -> None:
    client = client_of(world.a.user(Role.REP))
    for url in ("/w/alpha/customers/suggest/", "/w/alpha/deals/new/hints/"):
        response = client.get(url, {"customer": text}, headers=HX)
        assert response.status_code == 200
        assert not re.search(r'id="customer-\d', response.content.decode())


def test_customers_are_recognised(quiet_world: World) -> None:
    add_customers(
        quiet_world,
        "Société Générale",
        "Müller AG",
        "Initech Ltd",
        "The Initech Group",
        "Zürich Re",
        "Acme Corp.",
    )
    with company_context(quiet_world.a.company.pk):

        def found(text: str) -> list[tuple[str, str]]:
            return [(m.name, m.how) for m in customers_typed(text=text)]

        assert found("societe") == [("Société Générale", "starts")]
        assert found("generale") == [("Société Générale", "holds")]
        assert found("MULLER ag") == [("Müller AG", "exact")]
        assert found("zurich re") == [("Zürich Re", "exact")]
        assert found("Initech GmbH")[0] == ("Initech Ltd", "like")
        assert ("The Initech Group", "like") in found("Initech GmbH")
        assert found("Intech") == []  # too far for its first letters
        assert found("Initehc")[0][1] == "like"
        assert ("Acme Corp.", "starts") in found("acme")
        assert found("Umbrella") == []


def test_text_is_folded_alike_in_both_places() -> None:
    assert fold("ÉMILE Ångström ﬁ") == "emile angstrom fi"
    assert words_of("  Émile   émile zola ") == ("emile", "zola")


def test_roles(world: World) -> None:
    assert client_of(world.a.user(Role.LEADER)).get(URL).status_code == 403
    assert client_of(world.a.user(Role.LEADER)).post(URL, sent(world)).status_code == 403
    assert client_of(world.stranger).post(URL, sent(world)).status_code == 404
    assert client_of(world.b.user(Role.OWNER)).get(URL).status_code == 404


def test_a_pipeline_without_stages_is_said(quiet_world: World, rep: Client) -> None:
    with company_context(quiet_world.a.company.pk):
        empty = Pipeline.objects.create(name="Empty", position=2)
    response = rep.post(URL, sent(quiet_world, pipeline=empty.pk))
    assert response.status_code == 422
    assert "no stage" in response.content.decode()
