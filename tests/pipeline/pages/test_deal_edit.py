"""A fact edited where it stands: kept with who changed what, told when the screen was stale."""

from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.roles import Role
from pipeline.models import Competitor, Customer, DealChange, LostReason, Product
from tests.personas import CANARY, World, client_of
from tests.pipeline.pages.deal_pages import HX, client, deal_of, inside, on_page, said, url

pytestmark = pytest.mark.usefixtures("clock_stands")
FIELDS = (
    "name",
    "amount",
    "customer",
    "rep",
    "product",
    "source",
    "next_step",
    "won_reason",
    "lost_reason",
)


def edit(
    world: World, field: str, *, of: str = "open", role: Role = Role.REP, **data: Any
) -> HttpResponse:
    headers = data.pop("headers", {})
    values = {"version": deal_of(world.a, of).version, **data}
    return client(world.a, role).post(
        url(world.a.deals[of], f"edit/{field}/"), values, headers=headers
    )


def test_every_field_has_a_page_and_a_form_in_place(world: World) -> None:
    rep = client(world.a, Role.REP)
    for field in FIELDS:
        here = url(world.a.deals["open"], f"edit/{field}/")
        assert "<html" in rep.get(here).content.decode()
        form = rep.get(here, headers=on_page(world.a.deals["open"])).content.decode()
        assert form.strip().startswith("<form")
        assert CANARY not in form
        assert client(world.a, Role.LEADER).get(here).status_code == 403
        assert client(world.a, Role.LEADER).post(here).status_code == 403
        assert client_of(world.stranger).get(here).status_code == 404
        for pk in (world.b.deals["open"], 999_999_999):
            assert rep.post(url(pk, f"edit/{field}/"), {"version": 1}).status_code == 404
    for field in ("stage", "version", "id", "outcome"):
        assert rep.get(url(world.a.deals["open"], f"edit/{field}/")).status_code == 404


def test_values_are_kept_and_written_down(world: World) -> None:
    with inside(world.a):
        product = Product.objects.create(name="Course")
        reason = LostReason.objects.create(level="other", detail="Price")
        rival = Competitor.objects.create(name="Rivalis")
    plans: list[tuple[str, dict[str, Any]]] = [
        ("name", {"name": "Renamed"}),
        ("amount", {"amount": "12.50", "currency": "EUR"}),
        ("rep", {"rep_id": world.a.reps["Ada"].pk}),
        ("product", {"product_id": product.pk}),
        ("source", {"source_id": ""}),
        ("next_step", {"next_step": "Call", "next_step_on": "2026-05-22"}),
        ("won_reason", {"won_reason": "Trust"}),
        ("lost_reason", {"lost_reason_id": reason.pk, "competitor_id": rival.pk}),
    ]
    for field, values in plans:
        assert edit(world, field, **values).status_code == 303, field
    deal = deal_of(world.a, "open")
    assert (deal.name, deal.amount, deal.product_id) == ("Renamed", Decimal("12.50"), product.pk)
    assert (deal.source_id, deal.rep_id) == (None, world.a.reps["Ada"].pk)
    assert (deal.next_step, str(deal.next_step_on)) == ("Call", "2026-05-22")
    assert (deal.lost_reason_id, deal.competitor_id) == (reason.pk, rival.pk)
    with inside(world.a):
        changes = DealChange.objects.filter(deal=deal)
        assert changes.count() == 10
        assert {c.changed_by_id for c in changes} == {world.a.user(Role.REP).pk}


def test_htmx_draws_the_page_anew(world: World) -> None:
    response = edit(
        world, "amount", amount="7", currency="EUR", headers=on_page(world.a.deals["open"])
    )
    assert (response.status_code, response["HX-Retarget"]) == (200, "#deal")
    assert said(response) == "Amount saved"
    assert "€7" in response.content.decode()
    plain = edit(world, "amount", amount="8", currency="EUR")
    assert plain["Location"].endswith("#fact-amount")


def test_a_stale_screen_is_told_with_both_values_and_keeps_its_own(world: World) -> None:
    version = deal_of(world.a, "open").version
    assert edit(world, "amount", amount="7", currency="EUR").status_code == 303
    told = edit(world, "amount", amount="9", currency="EUR", version=version, headers=HX)
    body = told.content.decode()
    assert told.status_code == 409
    assert "amount is 7.00 now, you wrote 9" in body
    assert 'value="9"' in body
    assert f'name="version" value="{version + 1}"' in body
    assert deal_of(world.a, "open").amount == 7


def test_what_is_wrong_is_said(world: World) -> None:
    theirs = world.b.reps["Ada"].pk
    with inside(world.a):
        retired = Product.objects.create(name="Old", retired_at="2026-01-01T00:00Z")
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("name", {"name": "  "}, "A deal needs a name"),
        ("name", {"name": "x" * 251}, "at most 250 characters"),
        ("name", {"name": "a\x00b"}, "Null characters"),
        ("amount", {"amount": "-1", "currency": "EUR"}, "never negative"),
        ("amount", {"amount": "nan", "currency": "EUR"}, "Enter a number"),
        ("amount", {"amount": "1", "currency": "eur"}, "valid choice"),
        ("rep", {"rep_id": theirs}, "valid choice"),
        ("rep", {"rep_id": "x"}, "valid choice"),
        ("product", {"product_id": retired.pk}, "valid choice"),
        ("next_step", {"next_step_on": "soon"}, "valid date"),
        ("next_step", {"next_step": "x" * 201}, "at most 200 characters"),
        ("name", {"name": "x", "version": ""}, 'role="alert"'),
        ("name", {"name": "x", "version": "99999999999999"}, 'role="alert"'),
    ]
    for field, values, sentence in cases:
        response = edit(world, field, **values)
        assert response.status_code == 422, (field, values)
        assert sentence in response.content.decode(), (field, values)


def test_the_customer_by_name(world: World) -> None:
    assert edit(world, "customer", customer="ACME").status_code == 303  # is Acme
    asked = edit(world, "customer", customer="Acme Nord")
    assert asked.status_code == 422
    assert "Did you mean Acme?" in asked.content.decode()
    assert 'name="add"' in asked.content.decode()
    assert CANARY not in asked.content.decode()
    assert edit(world, "customer", customer="Acme  Nord", add="on").status_code == 303
    deal = deal_of(world.a, "open")
    with inside(world.a):
        assert Customer.objects.get(pk=deal.customer_id).name == "Acme Nord"
    assert edit(world, "customer", customer="").status_code == 303
    assert deal_of(world.a, "open").customer_id is None


def test_an_edit_of_a_deal_of_a_closed_quarter_says_what_it_restates(world: World) -> None:
    manager = client(world.a)
    early = manager.get(url(world.a.deals["lost early"], "edit/amount/")).content.decode()
    assert "This restates Q1 2026" in early
    assert (
        "restates"
        not in manager.get(url(world.a.deals["lost early"], "edit/name/")).content.decode()
    )
    assert (
        "restates"
        not in manager.get(url(world.a.deals["won late"], "edit/amount/")).content.decode()
    )
