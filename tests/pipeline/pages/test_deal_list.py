"""The list: sorted, paged, added up, changed together, and as a file."""

import csv
import io
import json
import re
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, DealChange, DirtyQuarter, Rep
from pipeline.services.deals import change_deal
from pipeline.views import deal_list as deal_list_view
from tests.personas import CANARY, NOW, World, client_of
from tests.pipeline.pages.deals import (
    HX,
    LIST,
    add_open_deals,
    change,
    client,
    days_ago,
    deal,
)

pytestmark = pytest.mark.usefixtures("clock_stands")
BULK = "/w/alpha/deals/bulk/"


def body(world: World, query: str = "", role: Role = Role.REP) -> str:
    response = client(world.a, role).get(LIST + query)
    assert response.status_code == 200
    return response.content.decode()


def names(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href=[^>]*>([^<]*)</a></th>', html)


def download(world: World, query: str = "", kind: str = "csv") -> bytes:
    response = client(world.a).get(f"{LIST}deals.{kind}{query}")
    assert response.status_code == 200
    return bytes(response.content)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_open_deals_with_totals(world: World) -> None:
    html = body(world)
    assert names(html) == ["open", "new"]  # the oldest in its stage first
    assert "2 deals" in html
    assert "€11,000" in html
    assert "2 without" in html
    assert CANARY not in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=won", ["won late", "won early"]),
        ("?state=lost", ["lost late", "lost early"]),
        ("?sort=name", ["new", "open"]),
        ("?sort=-name", ["open", "new"]),
        ("?sort=amount", ["open", "new"]),
        ("?sort=-amount", ["new", "open"]),
        ("?sort=age", ["new", "open"]),
        ("?sort=stage", ["new", "open"]),
        ("?sort=rep", ["new", "open"]),
        (
            "?sort=opened&state=all",
            ["won early", "lost early", "won late", "lost late", "open", "new"],
        ),
        ("?sort=-opened", ["new", "open"]),
        ("?state=won&since=2026-04-01", ["won late"]),
    ],
)
def test_state_and_sorting_stand_in_the_address(
    query: str, expected: list[str], world: World
) -> None:
    sort = "&sort=-closed" if "sort" not in query else ""
    assert names(body(world, query + sort)) == expected


def test_what_is_empty_stands_last_either_way(world: World) -> None:
    change(world.a, "open", amount=None)
    assert names(body(world, "?sort=amount"))[-1] == "open"
    assert names(body(world, "?sort=-amount"))[-1] == "open"


def test_a_sorting_that_does_not_exist_is_said(world: World) -> None:
    for sort in ("password", "--age", "-", "stage__name"):
        assert "cannot be sorted like that" in body(world, f"?sort={sort}")


def test_headings_turn_the_order_and_say_it(world: World) -> None:
    html = body(world, "?sort=name")
    assert 'aria-sort="ascending"' in html
    assert f'href="{LIST}?sort=-name"' in html
    assert f'href="{LIST}?sort=name"' in body(world, "?sort=-name")


def test_pages(world: World) -> None:
    add_open_deals(world.a, 148)
    html = body(world, "?sort=name")
    assert len(names(html)) == 100
    assert "1 to 100 of 150" in html
    assert f'href="{LIST}?sort=name&amp;page=2"' in html
    second = body(world, "?sort=name&page=2")
    assert len(names(second)) == 50
    assert not set(names(html)) & set(names(second))
    for page in ("99", "0", "-1", "x", "9" * 40):
        assert len(names(body(world, f"?page={page}"))) in (50, 100)


def test_as_many_queries_for_many_as_for_few(world: World) -> None:
    counts = []
    browser = client(world.a)
    for more in (8, 800):
        add_open_deals(world.a, more)
        browser.get(LIST)
        with CaptureQueriesContext(connection) as captured:
            browser.get(LIST)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_htmx_gets_the_fragment(world: World) -> None:
    response = client(world.a).get(LIST, headers=HX)
    assert response.content.decode().lstrip().startswith('<div class="stack" id="page">')


# Files -------------------------------------------------------------------------------------------


def test_csv_has_typed_values_and_all_that_match(world: World) -> None:
    change(world.a, "new", amount=Decimal("1234.50"), next_step="Call", next_step_on=days_ago(-1))
    rows = {row["Deal"]: row for row in table(download(world, "?state=all"))}
    assert set(rows) == set(world.a.deals)
    assert CANARY not in str(rows)
    new = rows["new"]
    assert new["Amount"] == "1234.50"
    assert new["Amount in EUR"] == "1234.50"
    assert new["Next step due"] == "2026-05-21"
    assert (new["Rep"], new["Team"], new["Source"]) == ("Ada", "Team North", "Website")
    assert (new["Channel"], new["Opened"], new["Closed"]) == ("Inbound", "2026-05-17", "")
    assert (rows["won late"]["State"], rows["won late"]["Days in stage"]) == ("Won", "")
    assert [row["Deal"] for row in table(download(world, "?text=new"))] == ["new"]


def test_a_file_speaks_the_readers_language(world: World) -> None:
    reader = world.a.user(Role.REP)
    type(reader).objects.update(locale="fr")
    rows = {row["Affaire"]: row for row in table(download(world, "?state=all"))}
    assert (rows["new"]["État"], rows["new"]["Canal"]) == ("Ouverte", "Entrant")
    assert (rows["won late"]["État"], rows["lost late"]["État"]) == ("Gagnée", "Perdue")


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://x")',
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        " =1",
        "＝1",
        "|calc",
        "%0A",
    ],
)
def test_a_spreadsheet_runs_no_deal(name: str, world: World) -> None:
    change(world.a, "new", name=name)
    [cell] = [r["Deal"] for r in table(download(world)) if r["Deal"] != "open"]
    assert cell == f"'{name}"
    book = openpyxl.load_workbook(io.BytesIO(download(world, kind="xlsx")))
    cells = [row[1] for row in book.active.iter_rows(min_row=2)]
    assert {c.data_type for c in cells} == {"s"}
    assert any(str(c.value).strip() == name.strip() for c in cells)


def test_a_workbook_has_numbers_and_days(world: World) -> None:
    change(world.a, "new", amount=Decimal("1234.50"))
    book = openpyxl.load_workbook(io.BytesIO(download(world, "?text=new", "xlsx")))
    head, row = book.active.iter_rows()
    found = {h.value: c for h, c in zip(head, row, strict=True)}
    assert (found["Amount"].value, found["Amount"].data_type) == (1234.5, "n")
    assert found["Opened"].is_date
    assert found["Opened"].value.date() == days_ago(3)
    assert found["Closed"].value is None


def test_a_file_of_many_deals_is_read_in_chunks(world: World) -> None:
    add_open_deals(world.a, 4500)
    with CaptureQueriesContext(connection) as captured:
        rows = table(download(world))
    assert len(rows) == 4502
    assert len({row["Deal number"] for row in rows}) == 4502
    with CaptureQueriesContext(connection) as few:
        download(world, "?text=new")
    assert len(captured) == len(few) + 2


def test_a_large_file_is_streamed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deal_list_view, "_MEMORY", 10)
    response = client(world.a).get(f"{LIST}deals.csv")
    assert response.streaming
    assert response["Content-Disposition"] == 'attachment; filename="alpha-deals-2026-05-20.csv"'
    assert len(table(response.getvalue())) == 2
    for close in response._resource_closers:  # response.close() would end the test's connection
        close()


# Changing many -----------------------------------------------------------------------------------


def bulk(
    world: World, *names: str, role: Role = Role.REP, key: str = "bulk-1", **values: Any
) -> HttpResponse:
    chosen = [world.a.deals[name] for name in names]
    given = {"action": "rep", "deal": chosen, "key": key, **values}
    headers = {**HX, "HX-Current-URL": f"http://testserver{LIST}"}
    return client(world.a, role).post(BULK, given, headers=headers)


def said(response: HttpResponse) -> dict[str, str]:
    found: dict[str, str] = json.loads(response["HX-Trigger"])["toast"]
    return found


def undo(world: World, address: str, role: Role = Role.REP) -> HttpResponse:
    headers = {**HX, "HX-Current-URL": f"http://testserver{LIST}"}
    return client(world.a, role).post(address, headers=headers)


def test_deals_go_to_another_rep_and_back(world: World) -> None:
    ben = world.a.reps["Ben"]
    versions = {name: deal(world.a, name).version for name in ("open", "new")}
    response = bulk(world, "open", "new", rep=ben.pk)
    assert response.status_code == 200
    assert said(response)["text"] == "1 deal changed, 1 was like that already"
    assert {deal(world.a, n).rep_id for n in ("open", "new")} == {ben.pk}
    assert deal(world.a, "new").version == versions["new"] + 1
    assert deal(world.a, "open").version == versions["open"]
    with company_context(world.a.company.pk):
        [row] = DealChange.objects.filter(field="rep_id")
        assert (row.before, row.after) == (str(world.a.reps["Ada"].pk), str(ben.pk))
        entry = AuditEntry.objects.latest("id")
        assert (entry.action, entry.after["deals"]) == ("deals.changed", [world.a.deals["new"]])
        assert DirtyQuarter.objects.filter(company=world.a.company).exists()
    back = undo(world, said(response)["undo"])
    assert said(back)["text"] == "Undone for 1 deal"
    assert deal(world.a, "new").rep_id == world.a.reps["Ada"].pk
    assert deal(world.a, "new").version == versions["new"] + 2
    assert "undo" not in said(back)


def test_what_changed_since_is_not_undone(world: World) -> None:
    response = bulk(
        world, "open", "new", action="step", next_step="Call", next_step_on="2026-05-22"
    )
    with company_context(world.a.company.pk):
        change_deal(
            by=world.a.actor(Role.MANAGER),
            deal_id=world.a.deals["new"],
            now=NOW,
            next_step="Visit",
        )
    back = undo(world, said(response)["undo"])
    assert said(back)["text"] == "Undone for 1 deal, 1 was changed since and stays"
    assert (deal(world.a, "new").next_step, deal(world.a, "open").next_step) == ("Visit", "")
    assert deal(world.a, "open").next_step_on is None
    twice = undo(world, said(response)["undo"])
    assert twice.status_code == 200
    assert deal(world.a, "new").next_step == "Visit"


def test_a_next_step_with_its_day(world: World) -> None:
    with company_context(world.a.company.pk):
        DirtyQuarter.objects.filter(company=world.a.company).delete()
    response = bulk(
        world, "open", "new", action="step", next_step=" Call ", next_step_on="2026-05-22"
    )
    assert response.status_code == 200
    row = deal(world.a, "open")
    assert (row.next_step, str(row.next_step_on)) == ("Call", "2026-05-22")
    # A plan changes no figure.
    assert not DirtyQuarter.objects.filter(company=world.a.company).exists()


def test_all_that_match_and_the_count_that_was_seen(world: World) -> None:
    add_open_deals(world.a, 148)
    ben = world.a.reps["Ben"].pk
    wrong = bulk(world, every="1", query="?text=booked", count=147, rep=ben)
    assert wrong.status_code == 409
    assert "148 deals match now, 147 did" in said(wrong)["text"]
    right = bulk(world, every="1", query="?text=booked", count=148, rep=ben, key="bulk-2")
    assert said(right)["text"] == "148 deals changed"
    assert deal(world.a, "new").rep_id == world.a.reps["Ada"].pk
    html = client(world.a).get(f"{LIST}?rep={ben}&text=booked").content.decode()
    assert "148 deals" in html


def test_too_many_at_once_are_refused(world: World) -> None:
    add_open_deals(world.a, 2001)
    values = {"every": "1", "query": "?text=booked", "count": 2001}
    response = bulk(world, rep=world.a.reps["Ben"].pk, **values)
    assert response.status_code == 422
    assert "At most 2,000 deals" in response.content.decode()
    assert 'name="every"' not in body(world)


def test_a_form_sent_twice_has_one_effect(world: World) -> None:
    ben = world.a.reps["Ben"].pk
    answers = [bulk(world, "new", rep=ben) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    with company_context(world.a.company.pk):
        assert DealChange.objects.filter(field="rep_id").count() == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rep": ""}, "Choose the rep"),
        ({"rep": "999999999"}, "999999999 is not one of the available choices"),
        ({"rep": "x"}, "not one of the available choices"),
        ({"action": "delete"}, "not one of the available choices"),
        ({"action": "step"}, "Say what comes next"),
        ({"action": "step", "next_step": "x" * 201}, "at most 200 characters"),
        ({"action": "step", "next_step": "a\0b"}, "Null characters"),
        ({"action": "step", "next_step_on": "soon"}, "valid date"),
        ({"deal": []}, "Choose at least one deal"),
        ({"deal": ["x", "-1"]}, "Choose at least one deal"),
        ({"deal": ["999999999"]}, "does not exist any more"),
        ({"key": ""}, "cannot be recognised"),
        ({"key": "k" * 36}, "cannot be recognised"),
    ],
)
def test_a_refusal_changes_nothing(values: dict[str, Any], sentence: str, world: World) -> None:
    response = bulk(world, "new", **{"rep": str(world.a.reps["Ben"].pk), **values})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert deal(world.a, "new").rep_id == world.a.reps["Ada"].pk
    with company_context(world.a.company.pk):
        assert DealChange.objects.count() == 0


def test_a_neighbours_deal_or_rep_is_as_missing(world: World) -> None:
    ben = str(world.a.reps["Ben"].pk)
    theirs = bulk(world, deal=[str(world.b.deals["new"]), str(world.a.deals["new"])], rep=ben)
    missing = bulk(world, deal=["999999999", str(world.a.deals["new"])], rep=ben)
    assert (theirs.status_code, theirs.content) == (missing.status_code, missing.content)
    assert theirs.status_code == 422
    rep = bulk(world, "new", rep=str(world.b.reps["Ben"].pk))
    assert rep.status_code == 422
    assert CANARY not in rep.content.decode()
    with company_context(world.b.company.pk):
        assert DealChange.objects.count() == 0
        key = bulk(world, "new", rep=ben, key="ours")
        assert key.status_code == 200
    stranger = client_of(world.b.user(Role.OWNER)).post("/w/beta/deals/bulk/undo/?bulk=ours")
    assert stranger.status_code == 303  # told in a message: there is nothing to undo there
    assert deal(world.a, "new").rep_id == world.a.reps["Ben"].pk


def test_a_retired_rep_takes_no_deals(world: World) -> None:
    with company_context(world.a.company.pk):
        Rep.objects.filter(pk=world.a.reps["Ben"].pk).update(retired_at=NOW)
    assert bulk(world, "new", rep=world.a.reps["Ben"].pk).status_code == 422
    assert f'<option value="{world.a.reps["Ben"].pk}">Ben' not in body(world)


def test_a_rep_undoes_own_bulk_changes_only(world: World) -> None:
    response = bulk(world, "new", rep=world.a.reps["Ben"].pk, role=Role.MANAGER)
    refused = undo(world, said(response)["undo"])
    assert refused.status_code == 422
    assert "nothing to undo" in refused.content.decode()
    assert undo(world, said(response)["undo"], Role.OWNER).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.MANAGER, 200), (Role.REP, 200), (Role.LEADER, 403)],
)
def test_who_may_change_many(role: Role, status: int, world: World) -> None:
    response = bulk(world, "new", rep=world.a.reps["Ben"].pk, role=role)
    assert response.status_code == status
    moved = deal(world.a, "new").rep_id == world.a.reps["Ben"].pk
    assert moved is (status == 200)
    assert ("data-bulk" in body(world, role=role)) is True
    assert ('name="action"' in body(world, role=role)) is (status == 200)
    assert client(world.a, role).get(f"{LIST}deals.csv").status_code == 200


def test_without_scripts_the_answer_is_a_message(world: World) -> None:
    browser = client(world.a)
    ben = world.a.reps["Ben"].pk
    response = browser.post(
        BULK,
        {"action": "rep", "deal": [world.a.deals["new"]], "rep": ben, "key": "plain"},
        headers={"Referer": f"http://testserver{LIST}?sort=name"},
    )
    assert (response.status_code, response["Location"]) == (303, f"{LIST}?sort=name")
    html = browser.get(LIST).content.decode()
    assert "1 deal changed" in html
    assert 'action="/w/alpha/deals/bulk/undo/?bulk=plain"' in html
    refused = browser.post(BULK, {"action": "rep", "key": "plain-2", "rep": ben})
    assert refused.status_code == 303
    assert "Choose at least one deal first." in browser.get(LIST).content.decode()


def test_who_is_no_member_gets_404(world: World) -> None:
    for user in (world.stranger, world.removed, world.b.user(Role.OWNER)):
        browser = client_of(user)
        assert browser.get(LIST).status_code == 404
        assert browser.get(f"{LIST}deals.csv").status_code == 404
        assert browser.post(BULK, {"action": "rep"}).status_code == 404


def test_nothing_of_the_neighbour_is_exported(world: World) -> None:
    with company_context(world.b.company.pk):
        theirs = list(Deal.objects.values_list("pk", flat=True))
    numbers = {int(row["Deal number"]) for row in table(download(world, "?state=all"))}
    assert numbers == set(world.a.deals.values())
    assert not numbers & set(theirs)
