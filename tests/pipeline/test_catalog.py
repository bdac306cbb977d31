"""The catalogues: add, rename, merge, retire, bring back, and what that does to figures."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all, recompute_quarter
from pipeline.models import (
    Deal,
    DealChange,
    LostReason,
    Product,
    Rep,
    SavedSegment,
    Source,
    Team,
)
from pipeline.selectors.settings_catalogues import CATALOGUES, catalogue_page, entry_choices
from pipeline.services.catalog import (
    add_entry,
    change_entry,
    change_rewrites,
    merge_entries,
    merge_rewrites,
    restore_entry,
    retire_entry,
)
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.people import hand_over, hand_over_rewrites
from tests.personas import NOW, Workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    assert_facts_hold,
    clear_marks,
    last_audit,
    marked,
    move,
    start,
)

VALUES: dict[str, dict[str, Any]] = {
    "products": {"name": "Coaching"},
    "sources": {"name": "Fair", "channel": "inbound"},
    "lost-reasons": {"detail": "Too dear", "level": "competitor"},
    "competitors": {"name": "Rival"},
    "reps": {"name": "Cem", "email": "", "team_id": None, "membership_id": None},
    "teams": {"name": "South"},
}


@pytest.fixture
def style() -> Style:
    return Style("en_GB", "EUR")


def add(alpha: Workspace, slug: str, name: str | None = None, **more: Any) -> Any:
    catalogue = CATALOGUES[slug]
    values = {**VALUES[slug], **more}
    if name is not None:
        values[catalogue.naming] = name
    return add_entry(by=alpha.actor(Role.MANAGER), catalogue=catalogue, values=values, now=NOW)


def change(alpha: Workspace, slug: str, row: Any, seen: Any = None, **values: Any) -> Any:
    return change_entry(
        by=alpha.actor(Role.MANAGER),
        catalogue=CATALOGUES[slug],
        entry_id=row.pk,
        values=values,
        seen=seen,
        now=NOW,
    )


def merge(alpha: Workspace, slug: str, row: Any, into: Any) -> Any:
    return merge_entries(
        by=alpha.actor(Role.MANAGER),
        catalogue=CATALOGUES[slug],
        entry_id=row.pk,
        into_id=into.pk,
        now=NOW,
    )


def test_values_of_this_test_cover_every_catalogue() -> None:
    assert set(VALUES) == set(CATALOGUES)
    for slug, catalogue in CATALOGUES.items():
        assert set(VALUES[slug]) == set(catalogue.fields)
        assert catalogue.counted <= set(catalogue.fields)


@pytest.mark.parametrize("slug", CATALOGUES)
def test_a_life_of_an_entry(alpha: Workspace, slug: str, style: Any) -> None:
    """Added, renamed, retired, brought back: each with its audit entry, none twice."""
    catalogue, by = CATALOGUES[slug], alpha.actor(Role.MANAGER)
    row = add(alpha, slug)
    assert last_audit().action == f"{catalogue.noun}.added"
    change(alpha, slug, row, **{catalogue.naming: "  Another   name "})
    row.refresh_from_db()
    assert catalogue.name_of(row) == "Another name"
    assert last_audit().action == f"{catalogue.noun}.changed"
    assert last_audit().actor_label == "manager@alpha.example"
    count = AuditEntry.objects.count()
    change(alpha, slug, row, **{catalogue.naming: "Another name"})
    assert AuditEntry.objects.count() == count
    for _twice in range(2):
        retire_entry(by=by, catalogue=catalogue, entry_id=row.pk, now=NOW)
    assert AuditEntry.objects.count() == count + 1
    assert (row.pk, "Another name") not in entry_choices(catalogue=catalogue)
    page = catalogue_page(catalogue=catalogue, style=style)
    assert [r.id for r in page.retired] == [row.pk]
    for _twice in range(2):
        restore_entry(by=by, catalogue=catalogue, entry_id=row.pk, now=NOW)
    assert AuditEntry.objects.count() == count + 2
    assert (row.pk, "Another name") in entry_choices(catalogue=catalogue)


@pytest.mark.parametrize("slug", CATALOGUES)
@pytest.mark.parametrize("bad", ["", "   ", "a\x00b", "x" * 201, "\ud800"])
def test_a_bad_name_is_refused_in_words(alpha: Workspace, slug: str, bad: str) -> None:
    before = CATALOGUES[slug].model.objects.count()
    with pytest.raises(DomainError) as refusal:
        add(alpha, slug, **{CATALOGUES[slug].naming: bad})
    assert refusal.value.sentence
    assert CATALOGUES[slug].model.objects.count() == before


def test_a_name_is_given_once_whatever_its_case(alpha: Workspace) -> None:
    row = add(alpha, "products", "Coaching")
    with pytest.raises(DomainError, match="here already"):
        add(alpha, "products", "coaching")
    other = add(alpha, "products", "Training")
    with pytest.raises(DomainError, match="merge the two"):
        change(alpha, "products", other, name="COACHING")
    change(alpha, "products", row, name="COACHING")  # its own, in other letters
    assert Product.objects.get(pk=row.pk).name == "COACHING"


def test_no_entry_is_called_what_figures_call_none(alpha: Workspace) -> None:
    with pytest.raises(DomainError, match="Choose another name"):
        add(alpha, "products", "Unknown")
    add(alpha, "lost-reasons", "Unknown")  # figures go by its level


def test_an_entry_that_is_not_there(alpha: Workspace) -> None:
    with pytest.raises(NotFound):
        retire_entry(
            by=alpha.actor(Role.OWNER), catalogue=CATALOGUES["teams"], entry_id=999_999, now=NOW
        )


def test_a_stale_screen_is_told_with_both_values(alpha: Workspace) -> None:
    source = alpha.sources["Website"]
    seen = {"name": "Website", "channel": "inbound"}
    change(alpha, "sources", source, name="Web", channel="inbound")
    with pytest.raises(StaleVersion, match="name is Web now, you wrote Site"):
        change(alpha, "sources", source, seen=seen, name="Site", channel="inbound")
    assert Source.objects.get(pk=source.pk).name == "Web"


# What it does to figures ------------------------------------------------------------------------


def closed_in_q1(alpha: Workspace, **more: Any) -> int:
    """A deal of the first quarter of 2026, which is final by NOW."""
    deal = start(alpha, when="2026-01-10", **more)
    move(alpha, deal, "Won", when="2026-02-20")
    return int(deal.deal_id)


def test_a_change_of_channel_says_which_closed_quarters_it_rewrites(alpha: Workspace) -> None:
    source = alpha.sources["Website"]
    closed_in_q1(alpha, source_id=source.pk)
    start(alpha, when="2026-05-01", source_id=source.pk)
    plan = change_rewrites(
        catalogue=CATALOGUES["sources"], entry_id=source.pk, values={"channel": "outbound"}, now=NOW
    )
    assert (plan.deals, plan.quarters) == (1, ("2026-Q1",))
    clear_marks()
    change(alpha, "sources", source, channel="outbound")
    assert {Q1, Q2} <= set(marked(alpha))
    assert last_audit().after["closed_quarters"] == ["2026-Q1"]
    assert last_audit().after["marked_since"] == "2026-01-10"


def test_what_no_figure_depends_on_marks_nothing(alpha: Workspace) -> None:
    reason = add(alpha, "lost-reasons")
    deal = start(alpha, when="2026-01-10", lost_reason_id=reason.pk)
    rep = alpha.reps["Ada"]
    assert deal.deal_id
    clear_marks()
    change(alpha, "lost-reasons", reason, detail="Too expensive", level="competitor")
    change(alpha, "reps", rep, email="ada@alpha.example")
    retire_entry(by=alpha.actor(Role.OWNER), catalogue=CATALOGUES["reps"], entry_id=rep.pk, now=NOW)
    assert marked(alpha) == []
    change(alpha, "lost-reasons", reason, detail="Too expensive", level="other")
    assert Q1 in marked(alpha)


def test_a_renamed_product_is_restated_under_its_new_name(alpha: Workspace) -> None:
    """The closed quarter gets a second version; the first stays as it was."""
    product = add(alpha, "products", "Old")
    closed_in_q1(alpha, product_id=product.pk, amount=Decimal(1000))
    recompute_all(company_id=alpha.company.pk, now=NOW - timedelta(hours=1))
    change(alpha, "products", product, name="New")
    done = recompute_quarter(company_id=alpha.company.pk, quarter_start=Q1, now=NOW)
    assert done is not None
    assert done.restated
    won = {
        (s.segment, s.version): s.figures["won"]
        for s in Snapshot.objects.filter(quarter_start=Q1, segment__startswith="product=")
        if "|" not in s.segment and "&" not in s.segment
    }
    assert won[("product=Old", 1)] == 1
    assert won[("product=Old", 2)] == 0
    assert won[("product=New", 2)] == 1
    cause = Snapshot.objects.get(quarter_start=Q1, segment="product=New", version=2).cause
    assert cause["facts"][0]["what"] == "product.changed"
    assert cause["facts"][0]["deal"] == "New"
    assert cause["facts"][0]["by"] == "manager@alpha.example"


def test_a_rep_of_another_team_rewrites_the_quarters_of_both(alpha: Workspace) -> None:
    rep, team = alpha.reps["Ada"], add(alpha, "teams")
    closed_in_q1(alpha, rep_id=rep.pk)
    clear_marks()
    change(alpha, "reps", rep, team_id=team.pk)
    assert Q1 in marked(alpha)
    assert Rep.objects.get(pk=rep.pk).team_id == team.pk
    with pytest.raises(DomainError, match="team does not exist"):
        change(alpha, "reps", rep, team_id=999_999)


# Merging ----------------------------------------------------------------------------------------


def test_a_merge_moves_the_deals_and_keeps_the_history(alpha: Workspace, style: Any) -> None:
    old, new = add(alpha, "products", "Coachng"), add(alpha, "products", "Coaching")
    deals = [closed_in_q1(alpha, product_id=old.pk), start(alpha, product_id=old.pk).deal_id]
    versions = dict(Deal.objects.values_list("pk", "version"))
    by = alpha.actor(Role.MANAGER)
    segment = SavedSegment.objects.create(
        name="Mine",
        query=f"product={old.pk}&rep=1{old.pk}",
        membership=alpha.members[Role.MANAGER],
        created_at=NOW,
    )
    plan = merge_rewrites(
        catalogue=CATALOGUES["products"], entry_id=old.pk, into_id=new.pk, now=NOW
    )
    assert (plan.deals, plan.quarters) == (1, ("2026-Q1",))
    clear_marks()
    merged = merge(alpha, "products", old, new)
    assert (merged.name, merged.into, merged.deals) == ("Coachng", "Coaching", 2)
    for deal in Deal.objects.filter(pk__in=deals):
        assert deal.product_id == new.pk
        assert deal.version == versions[deal.pk] + 1
    rows = DealChange.objects.filter(field="product_id", origin="merge").order_by("deal_id")
    assert [(r.before, r.after, r.changed_by_id) for r in rows] == [
        (str(old.pk), str(new.pk), by.user_id)
    ] * 2
    assert {Q1, Q2} <= set(marked(alpha))
    old.refresh_from_db()
    assert old.retired_at == NOW
    entry = last_audit()
    assert (entry.action, entry.after["into"], entry.after["deals"]) == (
        "product.merged",
        "Coaching",
        2,
    )
    segment.refresh_from_db()
    assert segment.query == f"product={new.pk}&rep=1{old.pk}"
    page = catalogue_page(catalogue=CATALOGUES["products"], style=style)
    assert [(r.name, r.merged) for r in page.retired] == [("Coachng", "Coaching")]
    assert_facts_hold()
    count = AuditEntry.objects.count()
    assert merge(alpha, "products", old, new).deals == 0  # sent twice
    assert AuditEntry.objects.count() == count


def test_a_merge_into_itself_or_what_is_retired_is_refused(alpha: Workspace) -> None:
    one, two = add(alpha, "competitors", "One"), add(alpha, "competitors", "Two")
    with pytest.raises(DomainError, match="Choose another one"):
        merge(alpha, "competitors", one, one)
    retire_entry(
        by=alpha.actor(Role.OWNER), catalogue=CATALOGUES["competitors"], entry_id=two.pk, now=NOW
    )
    with pytest.raises(DomainError, match="in use"):
        merge(alpha, "competitors", one, two)


def test_merging_reasons_of_one_level_rewrites_nothing(alpha: Workspace) -> None:
    one = add(alpha, "lost-reasons", "Dear")
    same, other = add(alpha, "lost-reasons", "Price"), add(alpha, "lost-reasons", level="other")
    deal = start(alpha, when="2026-01-10", lost_reason_id=one.pk)
    move(alpha, deal, "Lost", when="2026-02-20")
    reasons = CATALOGUES["lost-reasons"]
    for into, quarters in ((same, ()), (other, ("2026-Q1",))):
        plan = merge_rewrites(catalogue=reasons, entry_id=one.pk, into_id=into.pk, now=NOW)
        assert plan.quarters == quarters
    clear_marks()
    merge(alpha, "lost-reasons", one, same)
    assert marked(alpha) == []
    assert Deal.objects.get(pk=deal.deal_id).lost_reason_id == same.pk
    assert LostReason.objects.get(pk=one.pk).retired_at == NOW


def test_merging_teams_moves_their_reps(alpha: Workspace) -> None:
    north = Team.objects.get(name="Team North")
    south = add(alpha, "teams")
    deal = closed_in_q1(alpha, rep_id=alpha.reps["Ada"].pk)
    version = Deal.objects.get(pk=deal).version
    clear_marks()
    assert merge(alpha, "teams", north, south).deals == 1
    assert set(Rep.objects.values_list("team_id", flat=True)) == {south.pk}
    assert Q1 in marked(alpha)
    assert Deal.objects.get(pk=deal).version == version  # no deal was changed
    assert AuditEntry.objects.filter(action="rep.changed", after__merged="Team North").count() == 2


def test_merging_reps_takes_the_sign_in_along(alpha: Workspace) -> None:
    ada, ben = alpha.reps["Ada"], alpha.reps["Ben"]
    closed_in_q1(alpha, rep_id=ada.pk)
    merge(alpha, "reps", ada, ben)
    ada.refresh_from_db()
    ben.refresh_from_db()
    assert ada.membership_id is None
    assert ben.membership_id == alpha.members[Role.REP].pk
    other = add(alpha, "reps", membership_id=alpha.members[Role.MANAGER].pk)
    with pytest.raises(DomainError, match="both sign in"):
        merge(alpha, "reps", other, ben)


def test_a_member_is_one_rep(alpha: Workspace) -> None:
    with pytest.raises(DomainError, match="signs in as Ada already"):
        change(alpha, "reps", alpha.reps["Ben"], membership_id=alpha.members[Role.REP].pk)


# Leaving ----------------------------------------------------------------------------------------


def test_a_leaving_rep_hands_over_what_is_open_and_keeps_what_is_closed(alpha: Workspace) -> None:
    ada, ben = alpha.reps["Ada"], alpha.reps["Ben"]
    closed = closed_in_q1(alpha, rep_id=ada.pk)
    still = start(alpha, when="2026-03-01", rep_id=ada.pk).deal_id
    by = alpha.actor(Role.MANAGER)
    plan = hand_over_rewrites(rep_id=ada.pk, now=NOW)
    assert (plan.deals, plan.quarters) == (1, ("2026-Q1",))
    clear_marks()
    assert hand_over(by=by, rep_id=ada.pk, to_id=ben.pk, now=NOW) == 1
    assert Deal.objects.get(pk=closed).rep_id == ada.pk
    assert Deal.objects.get(pk=still).rep_id == ben.pk
    assert [c.origin for c in DealChange.objects.filter(deal_id=still)] == ["handover"]
    assert last_audit().action == "rep.handed_over"
    assert Q1 in marked(alpha)
    count = AuditEntry.objects.count()
    assert hand_over(by=by, rep_id=ada.pk, to_id=ben.pk, now=NOW) == 0
    assert AuditEntry.objects.count() == count
    retire_entry(by=by, catalogue=CATALOGUES["reps"], entry_id=ada.pk, now=NOW)
    with pytest.raises(DomainError, match="another rep"):
        hand_over(by=by, rep_id=ben.pk, to_id=ada.pk, now=NOW)


def test_as_many_queries_for_a_thousand_deals_as_for_ten(
    alpha: Workspace, style: Any, django_assert_num_queries: Any
) -> None:
    for _n in range(3):
        start(alpha, source_id=alpha.sources["Website"].pk)
    for catalogue in CATALOGUES.values():
        with django_assert_num_queries(3):
            catalogue_page(catalogue=catalogue, style=style)
    for n in range(12):
        add(alpha, "products", f"Product {n}")
        start(alpha, source_id=alpha.sources["Calls"].pk)
    for catalogue in CATALOGUES.values():
        with django_assert_num_queries(3):
            catalogue_page(catalogue=catalogue, style=style)
