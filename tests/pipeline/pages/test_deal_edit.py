"""A fact edited where it stands: kept with who changed what, told when the screen was stale."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.roles import Role
from pipeline.models import (
    Competitor,
    Customer,
    Deal,
    DealChange,
    DirtyQuarter,
    LostReason,
    Product,
)
from pipeline.services.deals import open_deal
from pipeline.services.rewriting import NOTHING, deal_rewriting
from tests.personas import CANARY, NOW, OPERATOR, World, client_of
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


def open_since(world: World, day: str, name: str = "long open") -> None:
    """A deal of company A that is open since that day."""
    with inside(world.a):
        world.a.deals[name] = open_deal(
            by=OPERATOR,
            pipeline_id=world.a.pipeline.pk,
            stage_id=world.a.stages["Booked"].pk,
            name=name,
            occurred_at=datetime.fromisoformat(f"{day}T12:00:00+00:00"),
            now=NOW,
            imported=True,
            amount=Decimal(100),
        ).deal_id


def dirty(world: World) -> set[str]:
    """The first days of the quarters that are to be computed again."""
    with inside(world.a):
        return {str(d) for d in DirtyQuarter.objects.values_list("quarter_start", flat=True)}


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "no scripts"])
@pytest.mark.parametrize(
    ("of", "quarters"),
    [
        ("long open", "1 deal in 2 closed quarters, Q4 2025 and Q1 2026"),
        ("lost early", "1 deal in 2 closed quarters, Q4 2025 and Q1 2026"),
    ],
)
def test_an_edit_that_restates_closed_quarters_asks_first(
    world: World, of: str, quarters: str, scripts: bool
) -> None:
    """Whether the deal was closed then, or was under way then and still is."""
    open_since(world, "2025-12-01")
    with inside(world.a):
        DirtyQuarter.objects.all().delete()
    headers = on_page(world.a.deals[of]) if scripts else {}
    sent = {"of": of, "headers": headers, "amount": "4321", "currency": "EUR"}
    before = deal_of(world.a, of)
    asked = edit(world, "amount", **sent)
    html = asked.content.decode()
    assert asked.status_code == 422
    assert ("<html" in html) is not scripts
    assert f"This rewrites history: up to {quarters}." in html
    assert '<button class="btn small primary" name="restate" value="1">' in html
    assert 'value="4321"' in html
    assert f'name="version" value="{before.version}"' in html
    assert (deal_of(world.a, of).amount, dirty(world)) == (before.amount, set())
    done = edit(world, "amount", **sent, restate="1")
    assert done.status_code == (200 if scripts else 303)
    assert deal_of(world.a, of).amount == 4321
    assert {"2025-10-01", "2026-01-01"} <= dirty(world)
    with inside(world.a):
        kept = DealChange.objects.get(deal_id=world.a.deals[of], field="amount")
        assert (kept.after, kept.changed_by_id) == ("4321", world.a.user(Role.REP).pk)


def test_what_restates_nothing_is_not_asked_about(world: World) -> None:
    open_since(world, "2025-12-01")
    open_since(world, "2026-04-01", "of this quarter")
    ada = world.a.reps["Ada"].pk
    plans: list[tuple[str, str, dict[str, Any]]] = [
        ("of this quarter", "amount", {"amount": "1", "currency": "EUR"}),
        ("of this quarter", "rep", {"rep_id": ada}),
        ("long open", "name", {"name": "Other"}),
        ("long open", "customer", {"customer": "Acme"}),
        ("long open", "next_step", {"next_step": "Call"}),
        ("long open", "amount", {"amount": "100.00", "currency": "EUR"}),  # as it is already
        ("lost early", "rep", {"rep_id": ada}),  # as it is already
        ("lost early", "won_reason", {"won_reason": "Trust"}),
    ]
    for of, field, values in plans:
        assert edit(world, field, of=of, **values).status_code == 303, (of, field)


def test_why_it_was_lost_counts_where_it_was_lost(world: World) -> None:
    """Opened in Q1, lost in Q2: the reason is none of Q1's. Lost in Q1, it is."""
    with inside(world.a):
        reason = LostReason.objects.create(level="other", detail="Price")
        rival = Competitor.objects.create(name="Rivalis")
    early = {"of": "lost early", "lost_reason_id": reason.pk, "competitor_id": ""}
    asked = edit(world, "lost_reason", **early)
    assert asked.status_code == 422
    assert "up to 1 deal in 1 closed quarter, Q1 2026." in asked.content.decode()
    assert edit(world, "lost_reason", **early, restate="1").status_code == 303
    early["competitor_id"] = rival.pk  # no figure counts competitors
    assert edit(world, "lost_reason", **early).status_code == 303
    with inside(world.a):
        Deal.objects.filter(pk=world.a.deals["lost late"]).update(opened_on="2026-03-01")
    late = {"of": "lost late", "lost_reason_id": reason.pk, "competitor_id": ""}
    assert edit(world, "lost_reason", **late).status_code == 303


def test_a_stale_screen_is_told_before_it_is_asked(world: World) -> None:
    open_since(world, "2025-12-01")
    old = deal_of(world.a, "long open").version
    assert edit(world, "name", of="long open", name="Other").status_code == 303
    sent = {"of": "long open", "version": old, "amount": "7", "currency": "EUR"}
    told = edit(world, "amount", **sent)
    assert told.status_code == 409
    assert "amount is 100.00 now, you wrote 7" in told.content.decode()
    assert edit(world, "amount", **{**sent, "version": old + 1}).status_code == 422


def test_the_usual_edit_is_quick(world: World, django_assert_num_queries: Any) -> None:
    """Two small queries where nothing is restated, none where no figure depends on it."""
    deal_id = world.a.deals["open"]
    with inside(world.a):
        with django_assert_num_queries(2):
            assert deal_rewriting(deal_id=deal_id, now=NOW, amount=7, currency="EUR").quarters == ()
        with django_assert_num_queries(0):
            assert deal_rewriting(deal_id=deal_id, now=NOW, name="Other") == NOTHING
