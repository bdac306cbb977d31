"""Settings of a company: what they do to days and quarters, and what they leave alone."""

import html
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry, Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Snapshot
from metrics.services.recompute import all_quarters, recompute_all, recompute_quarter
from metrics.services.sweep import behind
from pipeline.models import Activity, Deal, StageTransition
from pipeline.paths import unpack
from pipeline.services.company_settings import CompanySettings, change_company, consequences
from pipeline.services.facts import check_facts
from pipeline.services.history import StaleVersion
from tests.accounts.signing_in import give_app
from tests.metrics.builders import BY, Small, at, small_company
from tests.personas import NOW, Workspace, World, client_of

pytestmark = pytest.mark.django_db
TOKYO = "Asia/Tokyo"  # nine hours ahead: 15:00 UTC is midnight


def change(company: Company, now: str, **values: Any) -> Company:
    wanted = replace(CompanySettings.of(Company.objects.get(pk=company.pk)), **values)
    return change_company(by=BY, wanted=wanted, now=at(now))


def sweep(small: Small, now: str) -> None:
    for company_id, start in behind(now=at(now), company_id=small.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=at(now))


def versions() -> list[tuple[date, int, str]]:
    rows = Snapshot.objects.filter(segment="all").order_by("quarter_start", "version")
    return list(rows.values_list("quarter_start", "version", "status"))


def figures(start: date) -> dict[str, Any]:
    found: dict[str, Any] = (
        Snapshot.objects.filter(quarter_start=start, segment="all").latest("version").figures
    )
    return found


def test_a_new_zone_moves_days_and_no_instant() -> None:
    with small_company() as small:
        late = small.opens("2026-05-04T23:30").deal_id
        early = small.opens("2026-05-05T10:00").deal_id
        small.moves(late, small.met, "2026-05-06T16:00")
        Activity.objects.create(
            deal_id=late,
            kind="call",
            happened_at=at("2026-05-07T22:00"),
            happened_on=date(2026, 5, 7),
            recorded_at=at("2026-05-08"),
        )
        instants = list(StageTransition.objects.order_by("pk").values_list("occurred_at"))
        change(small.company, "2026-05-20", timezone=TOKYO)
        assert list(StageTransition.objects.order_by("pk").values_list("occurred_at")) == instants
        days = list(StageTransition.objects.order_by("pk").values_list("occurred_on", flat=True))
        assert days == [date(2026, 5, 5), date(2026, 5, 5), date(2026, 5, 7)]
        assert Activity.objects.get().happened_on == date(2026, 5, 8)
        deal = Deal.objects.get(pk=late)
        assert (deal.opened_on, deal.stage_entered_on) == (date(2026, 5, 5), date(2026, 5, 7))
        assert [on for _, on, _ in unpack(bytes(deal.path))] == [date(2026, 5, 5), date(2026, 5, 7)]
        assert Deal.objects.get(pk=early).version == 1, "what did not change is not touched"
        assert check_facts() == []
        entry = AuditEntry.objects.latest("id")
        assert (entry.action, entry.before) == ("company.changed", {"timezone": "UTC"})
        assert entry.after == {"timezone": TOKYO}


def test_closed_quarters_keep_the_zone_that_they_were_closed_with() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        edge = small.opens("2026-03-31T23:30").deal_id  # 1 April in Tokyo
        small.opens("2026-04-10")
        recompute_all(company_id=small.company.pk, now=at("2026-05-20"))
        q1, q2 = date(2026, 1, 1), date(2026, 4, 1)
        assert (figures(q1)["opened"], figures(q2)["opened"]) == (2, 1)
        before = versions()
        change(small.company, "2026-05-20", timezone=TOKYO)
        sweep(small, "2026-05-20")
        recompute_all(company_id=small.company.pk, now=at("2026-05-20"))
        assert versions() == before, "nothing closed is restated"
        assert (figures(q1)["opened"], figures(q2)["opened"]) == (2, 2)

        # A later correction of a closed quarter changes what it changes, and no day besides.
        small.opens("2026-02-03", now="2026-05-20")
        sweep(small, "2026-05-21")
        assert figures(q1)["opened"] == 3
        restated = Snapshot.objects.filter(segment="all", quarter_start=q1).latest("version")
        assert restated.definitions["timezone"] == "UTC"
        assert Deal.objects.get(pk=edge).opened_on == date(2026, 4, 1)


def test_a_new_fiscal_year_cuts_what_is_not_closed() -> None:
    with small_company() as small:
        for day in ("2025-12-10", "2026-02-02", "2026-04-10", "2026-05-04"):
            small.opens(day)
        recompute_all(company_id=small.company.pk, now=at("2026-05-20"))
        closed = versions()[:2]
        assert closed == [(date(2025, 10, 1), 1, "final"), (date(2026, 1, 1), 1, "final")]
        company = change(small.company, "2026-05-20", fiscal_year_start_month=2)
        sweep(small, "2026-05-20")
        wanted = [*closed, (date(2026, 2, 1), 1, "final"), (date(2026, 5, 1), 0, "running")]
        assert versions() == wanted
        assert figures(date(2026, 5, 1))["opened"] == 1
        starts = [q.start for q in all_quarters(company=company, now=at("2026-05-20"))]
        assert starts == [start for start, _, _ in wanted]
        recompute_all(company_id=small.company.pk, now=at("2026-05-20"))
        assert versions() == wanted
        labels = Snapshot.objects.filter(segment="all").order_by("quarter_start")
        assert list(labels.values_list("quarter_label", flat=True)) == [
            "2025-Q4", "2026-Q1", "FY2027-Q1", "FY2027-Q2",
        ]  # fmt: skip

        # What is recorded late still reaches the quarters of the calendar before.
        small.opens("2026-01-15", now="2026-05-20")
        sweep(small, "2026-05-21")
        assert versions()[1:3] == [(date(2026, 1, 1), 1, "final"), (date(2026, 1, 1), 2, "final")]
        assert figures(date(2026, 1, 1))["opened"] == 2


def test_settling_longer_reopens_nothing() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        small.opens("2026-04-02")
        recompute_all(company_id=small.company.pk, now=at("2026-04-20"))
        assert versions()[0] == (date(2026, 1, 1), 1, "final")
        change(small.company, "2026-04-20", settle_days=60)
        sweep(small, "2026-04-20")
        assert versions() == [(date(2026, 1, 1), 1, "final"), (date(2026, 4, 1), 0, "running")]
        assert AuditEntry.objects.latest("id").after == {"settle_days": 60}


def test_a_name_marks_nothing() -> None:
    with small_company() as small:
        small.opens("2026-05-04")
        recompute_all(company_id=small.company.pk, now=at("2026-05-20"))
        change(small.company, "2026-05-20", name="Other", locale="fr", require_mfa=True)
        assert behind(now=at("2026-05-20"), company_id=small.company.pk) == []
        change(small.company, "2026-05-20", velocity_cycle="closed")
        marked = behind(now=at("2026-05-20"), company_id=small.company.pk)
        assert (small.company.pk, date(2026, 4, 1)) in marked
        sweep(small, "2026-05-20")
        assert versions() == [(date(2026, 4, 1), 0, "running")]


def test_the_currency_stays_once_there_are_deals() -> None:
    with small_company() as small:
        assert change(small.company, "2026-05-20", currency="GBP").currency == "GBP"
        small.opens("2026-05-04")
        with pytest.raises(DomainError, match="currency stays GBP"):
            change(small.company, "2026-05-20", currency="USD")


def test_more_moves_than_a_page_can_count_are_a_commands() -> None:
    with small_company() as small:
        small.opens("2026-05-04T23:00")
        small.opens("2026-05-04T23:00")
        wanted = replace(CompanySettings.of(small.company), timezone=TOKYO)
        with pytest.raises(DomainError, match="change_timezone"):
            change_company(by=BY, wanted=wanted, now=at("2026-05-20"), most=1)
        assert Company.objects.get(pk=small.company.pk).timezone == "UTC"
        said = StringIO()
        call_command("change_timezone", "small", TOKYO, stdout=said)
        assert "counts its days in Asia/Tokyo" in said.getvalue()
        assert set(StageTransition.objects.values_list("occurred_on")) == {(date(2026, 5, 5),)}
        with pytest.raises(CommandError, match="no time zone"):
            call_command("change_timezone", "small", "Mars/Olympus")


def test_the_command_repairs_a_day_that_was_recorded_meanwhile() -> None:
    with small_company() as small:
        Company.objects.update(timezone=TOKYO)
        small.opens("2026-05-04T23:00")
        Company.objects.update(timezone="UTC")
        small.company.timezone = "UTC"
        said = StringIO()
        call_command("change_timezone", "small", "UTC", stdout=said)
        assert "1 days that were recorded meanwhile" in said.getvalue()
        assert StageTransition.objects.get().occurred_on == date(2026, 5, 4)


def moved(ids: list[int], days: list[date]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_move_transition_days(%s, %s)", [ids, days])
        return int(cursor.fetchone()[0])


def test_the_owners_function_moves_a_day_to_its_neighbour_and_no_further(world: World) -> None:
    def one(workspace: Workspace) -> StageTransition:
        with company_context(workspace.company.pk):
            found: StageTransition = StageTransition.objects.order_by("pk")[0]
            return found

    ours, theirs = one(world.a), one(world.b)
    day = ours.occurred_on
    with company_context(world.a.company.pk):
        assert moved([theirs.pk], [theirs.occurred_on + timedelta(days=1)]) == 0
        assert moved([ours.pk], [day + timedelta(days=3)]) == 0
        assert moved([ours.pk], [day + timedelta(days=1)]) == 1
        assert moved([ours.pk], [day]) == 1
    assert moved([ours.pk], [day + timedelta(days=1)]) == 0, "outside any company"
    assert (one(world.a).occurred_on, one(world.b).occurred_on) == (day, theirs.occurred_on)


# The page. --------------------------------------------------------------------------------------

PAGE = "/w/alpha/settings/company/"


def given(company: Company, **values: Any) -> dict[str, Any]:
    with company_context(company.pk):
        kept = CompanySettings.of(Company.objects.get(pk=company.pk))
    said = {field: getattr(kept, field) for field in CompanySettings.__slots__}
    said.update(values)
    if not said["require_mfa"]:
        del said["require_mfa"]
    return said


def timezone_of(company: Company) -> str:
    with company_context(company.pk):
        return str(Company.objects.get(pk=company.pk).timezone)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REP, Role.LEADER])
def test_only_owners_change_it(quiet_world: World, role: Role) -> None:
    client = client_of(quiet_world.a.user(role))
    assert client.get(PAGE).status_code == 403
    data = given(quiet_world.a.company, name="Mine")
    assert client.post(PAGE, data).status_code == 403
    with company_context(quiet_world.a.company.pk), pytest.raises(NotAllowed):
        wanted = replace(CompanySettings.of(quiet_world.a.company), name="Mine")
        change_company(by=quiet_world.a.actor(role), wanted=wanted, now=NOW)


def test_a_name_is_saved_at_once(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.OWNER))
    answer = client.post(PAGE, given(quiet_world.a.company, name="Alpha & Sons"), follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "Alpha &amp; Sons" in answer.content.decode()


def test_the_second_of_two_editors_is_told_with_both_values(quiet_world: World) -> None:
    company = quiet_world.a.company
    client = client_of(quiet_world.a.user(Role.OWNER))
    seen = client.get(PAGE).context["form"]["seen"].value()
    first = given(company, name="First", seen=seen)
    second = given(company, name="Second", settle_days=9, seen=seen)
    assert client.post(PAGE, first).status_code == 303
    told = client.post(PAGE, second)
    assert told.status_code == 409
    body = html.unescape(told.content.decode())
    assert "Somebody else changed these settings" in body
    assert "Name is First now, you wrote Second" in body
    assert "Days until a quarter closes is 7 now, you wrote 9" in body
    with company_context(company.pk):
        kept = Company.objects.get(pk=company.pk)
        assert (kept.name, kept.settle_days) == ("First", 7)
    assert 'value="Second"' in body
    # Sent again in view of both, it is saved once what it does was agreed to.
    again = told.context["form"]["seen"].value()
    asked = client.post(PAGE, {**second, "seen": again})
    assert asked.status_code == 200
    agreed = asked.context["form"]["agreed"].value()
    assert client.post(PAGE, {**second, "seen": again, "agreed": agreed}).status_code == 303
    with company_context(company.pk):
        assert Company.objects.get(pk=company.pk).name == "Second"


def test_the_service_refuses_what_was_seen_otherwise(alpha: Workspace) -> None:
    kept = CompanySettings.of(Company.objects.get(pk=alpha.company.pk))
    wanted = replace(kept, name="Mine")
    with pytest.raises(StaleVersion, match="Name is Alpha now, you wrote Mine"):
        change_company(by=BY, wanted=wanted, now=NOW, seen=replace(kept, settle_days=3))
    assert Company.objects.get(pk=alpha.company.pk).name == "Alpha"


@pytest.mark.parametrize("seen", ["", "null", "[1]", "{}", '{"name": 1}', "{"])
def test_a_form_that_says_nothing_of_what_was_seen(seen: str, quiet_world: World) -> None:
    """Not made by the page: what it wants is taken, or it is refused; it never fails."""
    client = client_of(quiet_world.a.user(Role.OWNER))
    answer = client.post(PAGE, given(quiet_world.a.company, name="New", seen=seen))
    assert answer.status_code == (422 if seen == "{" else 303)


def test_what_it_does_to_history_is_said_before(quiet_world: World) -> None:
    company = quiet_world.a.company
    client = client_of(quiet_world.a.user(Role.OWNER))
    data = given(company, timezone=TOKYO, fiscal_year_start_month=4, settle_days=10)
    asked = client.post(PAGE, data)
    body = asked.content.decode()
    assert asked.status_code == 200
    assert "Nothing is saved yet" in body
    for part in ("counted in Asia/Tokyo", "starts in another month", "closes 10 days"):
        assert part in body
    assert timezone_of(company) == "UTC"
    agreed = asked.context["form"]["agreed"].value()
    other = client.post(PAGE, {**data, "timezone": "Asia/Seoul", "agreed": agreed})
    assert "counted in Asia/Seoul" in other.content.decode(), "agreed to another change"
    assert timezone_of(company) == "UTC"
    done = client.post(PAGE, {**data, "agreed": agreed})
    assert done.status_code == 303
    assert timezone_of(company) == TOKYO


def test_whoever_requires_a_second_factor_has_one(quiet_world: World) -> None:
    owner = quiet_world.a.user(Role.OWNER)
    client = client_of(owner)
    data = given(quiet_world.a.company, require_mfa="on")
    refused = client.post(PAGE, data)
    assert refused.status_code == 422
    assert "your own second factor first" in refused.content.decode()
    give_app(owner)
    asked = client.post(PAGE, data)
    assert "3 have none yet" in asked.content.decode()
    agreed = asked.context["form"]["agreed"].value()
    assert client.post(PAGE, {**data, "agreed": agreed}).status_code == 303
    rep = client_of(quiet_world.a.user(Role.REP))
    assert rep.get("/w/alpha/velocity/").status_code == 302


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "x" * 201},
        {"timezone": "Mars/Olympus"},
        {"fiscal_year_start_month": "13"},
        {"settle_days": "61"},
        {"settle_days": "-1"},
        {"settle_days": "1e400"},
        {"currency": "euro"},
        {"velocity_number": "sum"},
        {"locale": "xx"},
    ],
)
def test_what_cannot_be_is_refused(quiet_world: World, bad: dict[str, str]) -> None:
    client = client_of(quiet_world.a.user(Role.OWNER))
    assert client.post(PAGE, given(quiet_world.a.company, **bad)).status_code == 422


def test_with_deals_the_currency_is_shown_and_not_taken(world: World) -> None:
    client = client_of(world.a.user(Role.OWNER))
    assert client.post(PAGE, given(world.a.company, currency="USD")).status_code == 303
    with company_context(world.a.company.pk):
        assert Company.objects.get(pk=world.a.company.pk).currency == "EUR"


def test_consequences_name_what_changes(alpha: Workspace) -> None:
    kept = CompanySettings.of(alpha.company)
    assert consequences(company=alpha.company, wanted=kept) == ()
    assert consequences(company=alpha.company, wanted=replace(kept, name="B", locale="fr")) == ()
    for field, value in [("velocity_cycle", "closed"), ("settle_days", 3), ("require_mfa", True)]:
        assert len(consequences(company=alpha.company, wanted=replace(kept, **{field: value}))) == 1
