"""Reviews: started once, saved as drafts, finished, reopened, withdrawn; the rep's reason stays."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Answer, Review
from metrics.services.findings import add_finding
from metrics.services.guides import Wording, change_guide
from metrics.services.reviews import (
    Buyer,
    Given,
    finish_review,
    reopen_review,
    restore_review,
    save_answers,
    start_review,
    withdraw_review,
)
from pipeline.models import Activity, Competitor, Contact, Customer, Deal, LostReason
from pipeline.services.history import KeyReused, NotFound, StaleVersion
from pipeline.services.notes import record_activity
from tests.personas import NOW, Workspace, World, make_world
from tests.pipeline.pages.deal_pages import inside
from tests.pipeline.test_at_the_same_time import THREADS, kinds, together

TODAY = NOW.date()


@pytest.fixture
def a(world: World) -> Any:
    """Company A with deals, active."""
    with company_context(world.a.company.pk):
        yield world.a


@pytest.fixture
def committed(transactional_db: None) -> World:
    """Two companies that every connection sees."""
    return make_world()


def talk(workspace: Workspace, deal: str = "lost early", kind: str = "call") -> Activity:
    return record_activity(
        by=workspace.actor(Role.MANAGER),
        deal_id=workspace.deals[deal],
        kind=kind,
        happened_at=NOW - timedelta(days=1),
        now=NOW,
        note="They asked twice about the price.",
    )


def start(workspace: Workspace, kind: str = "lost_interview", **values: Any) -> Review:
    if kind in ("call_review", "email_review") and "activity_id" not in values:
        values["activity_id"] = talk(
            workspace, kind="call" if kind == "call_review" else "email"
        ).pk
    values.setdefault("by", workspace.actor(Role.MANAGER))
    values.setdefault("deal_id", workspace.deals["lost early"])
    return start_review(now=NOW, kind=kind, **values)


def given(review: Review, *texts: str, **values: Any) -> Given:
    ids = review.guide.questions.order_by("position").values_list("pk", flat=True)
    return Given(answers=dict(zip(ids, texts, strict=False)), **values)


def save(workspace: Workspace, review: Review, *texts: str, **values: Any) -> Review:
    more = {name: values.pop(name) for name in ("finish", "version") if name in values}
    more.setdefault("version", Review.objects.get(pk=review.pk).version)
    by = workspace.actor(values.pop("role", Role.MANAGER))
    return save_answers(
        by=by, now=NOW, review_id=review.pk, given=given(review, *texts, **values), **more
    )


def texts(review: Review) -> list[str]:
    rows = Answer.objects.filter(review=review).order_by("question__position")
    return list(rows.values_list("text", flat=True))


def actions() -> list[str]:
    found = AuditEntry.objects.filter(object_type="review").order_by("id")
    return [action.removeprefix("review.") for action in found.values_list("action", flat=True)]


def test_a_call_review_is_of_one_call_and_begins_with_the_newest_questions(a: Workspace) -> None:
    first = start(a, "call_review")
    assert (first.state, first.version, first.held_on) == ("draft", 1, TODAY)
    assert first.guide.number == 1
    assert first.author_id == a.user(Role.MANAGER).pk
    change_guide(
        by=a.actor(Role.MANAGER), now=NOW, kind="call_review",
        questions=[Wording("What did you hear?")], number=1,
    )  # fmt: skip
    assert start(a, "call_review").guide.number == 2
    assert Review.objects.get(pk=first.pk).guide.number == 1  # keeps what it was started with


def test_a_meeting_can_be_reviewed_like_a_call_and_needs_no_note(a: Workspace) -> None:
    met = record_activity(
        by=a.actor(Role.REP), deal_id=a.deals["lost early"], kind="meeting",
        happened_at=NOW - timedelta(days=2), now=NOW,
    )  # fmt: skip
    assert start(a, "call_review", activity_id=met.pk).activity_id == met.pk


def test_the_same_key_starts_one_review(a: Workspace) -> None:
    one = start(a, idempotency_key="k")
    assert start(a, idempotency_key="k").pk == one.pk
    with pytest.raises(KeyReused):
        start(a, deal_id=a.deals["lost late"], idempotency_key="k")
    assert Review.objects.count() == 1


def test_eight_sendings_of_one_form_start_one_review(committed: World) -> None:
    workspace = committed.a
    sendings = [lambda: start(workspace, idempotency_key="once").pk] * THREADS
    assert len(set(together(workspace, sendings))) == 1
    with inside(workspace):
        assert Review.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        ("customer_interview", {}, "won, and this one is not"),
        ("lost_interview", {"deal": "won early"}, "lost, and this one is not"),
        ("lost_interview", {"deal": "open"}, "lost, and this one is not"),
        ("call_review", {"activity_id": None}, "Choose the call"),
        ("email_review", {"activity_id": None}, "Choose the e-mail"),
        ("lost_interview", {"held_on": TODAY + timedelta(days=1)}, "still to come"),
        ("lost_interview", {"held_on": TODAY.replace(year=1960)}, "too long ago"),
    ],
)
def test_what_cannot_be_started(
    a: Workspace, kind: str, values: dict[str, Any], sentence: str
) -> None:
    if "deal" in values:
        values = {**values, "deal_id": a.deals[values["deal"]]}
        del values["deal"]
    with pytest.raises(DomainError, match=sentence):
        start(a, kind, **values)
    assert not Review.objects.exists()


def test_the_call_must_be_of_that_deal_and_of_that_kind(a: Workspace) -> None:
    other, mail = talk(a, "lost late"), talk(a, kind="email")
    with pytest.raises(NotFound):
        start(a, "call_review", activity_id=other.pk)
    with pytest.raises(DomainError, match="a call or a meeting"):
        start(a, "call_review", activity_id=mail.pk)
    with pytest.raises(DomainError, match="of an e-mail"):
        start(a, "email_review", activity_id=talk(a).pk)
    with pytest.raises(DomainError, match="a talk of its own"):
        start(a, activity_id=mail.pk)


def test_an_interview_is_with_one_of_the_customers_people(a: Workspace) -> None:
    mia = Contact.objects.create(customer=a.customers["Acme"], name="Mia")
    elsewhere = Contact.objects.create(customer=Customer.objects.create(name="Elsewhere"), name="X")
    review = start(a, contact_id=mia.pk, held_on=TODAY - timedelta(days=3))
    assert (review.contact_id, review.held_on) == (mia.pk, TODAY - timedelta(days=3))
    with pytest.raises(DomainError, match="not one of the customer's"):
        start(a, contact_id=elsewhere.pk)
    with pytest.raises(DomainError, match="Only an interview"):
        start(a, "call_review", contact_id=mia.pk)


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_reps_and_leaders_record_nothing(a: Workspace, role: Role) -> None:
    review = start(a)
    by = a.actor(role)
    acts: list[Any] = [
        lambda: start(a, by=by),
        lambda: save(a, review, "x", role=role),
        lambda: finish_review(by=by, now=NOW, review_id=review.pk, version=1),
        lambda: reopen_review(by=by, now=NOW, review_id=review.pk, version=1),
        lambda: withdraw_review(by=by, now=NOW, review_id=review.pk, version=1),
        lambda: restore_review(by=by, now=NOW, review_id=review.pk),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()
    assert actions() == ["started"]


def test_a_draft_keeps_long_text_as_it_was_typed(a: Workspace) -> None:
    review = start(a)
    long = ("They said: “no”.\r\nThen silence.\r\n\r\n= 3 > 2 <b>& so on\r\n" * 300)[:19_000]
    save(a, review, long, "", "third")
    assert texts(review) == [long.replace("\r\n", "\n").replace("\r", "\n").strip(), "third"]
    save(a, review, "short")
    assert texts(review) == ["short", "third"]  # what was not sent stays
    save(a, review, "", "second")
    assert texts(review) == ["", "second", "third"]


def test_the_same_again_writes_nothing(a: Workspace) -> None:
    review = start(a)
    save(a, review, "one")
    before = Review.objects.get(pk=review.pk)
    save(a, review, "one\r\n")
    after = Review.objects.get(pk=review.pk)
    assert (before.version, before.changed_at) == (after.version, after.changed_at)
    assert actions() == ["started", "saved"]


def test_too_long_and_foreign_answers_are_refused_and_nothing_is_written(a: Workspace) -> None:
    review, other = start(a), start(a, "call_review")
    with pytest.raises(DomainError, match="20,000 characters"):
        save(a, review, "fine", "x" * 20_001)
    with pytest.raises(DomainError):
        save(a, review, "a\0b")
    foreign = other.guide.questions.order_by("position").first().pk
    with pytest.raises(DomainError, match="cannot be recognised"):
        save_answers(
            by=a.actor(Role.MANAGER), now=NOW, review_id=review.pk,
            given=Given({foreign: "x"}), version=1,
        )  # fmt: skip
    assert texts(review) == []
    assert Review.objects.get(pk=review.pk).version == 1


def test_a_stale_sheet_is_told_and_overwrites_nothing(a: Workspace) -> None:
    review = start(a)
    save(a, review, "theirs")
    with pytest.raises(StaleVersion, match="Somebody changed this sheet"):
        save(a, review, "mine", version=1)
    assert texts(review) == ["theirs"]


def test_of_eight_editors_of_one_screen_one_is_accepted(committed: World) -> None:
    workspace = committed.a
    with inside(workspace):
        review = start(workspace)
        sheets = [given(review, f"editor {n}") for n in range(THREADS)]
    by = workspace.actor(Role.MANAGER)
    edits = [
        partial(save_answers, by=by, now=NOW, review_id=review.pk, given=sheet, version=1)
        for sheet in sheets
    ]
    assert kinds(together(workspace, edits)) == {"Review": 1, "StaleVersion": THREADS - 1}
    with inside(workspace):
        assert len(texts(review)) == 1


def test_finish_needs_an_answer_and_closes_the_sheet(a: Workspace) -> None:
    review = start(a)
    with pytest.raises(DomainError, match="at least one question"):
        save(a, review, "   ", finish=True)
    assert save(a, review, "They went with Acme.", finish=True).state == "done"
    with pytest.raises(DomainError, match="Reopen it"):
        save(a, review, "more")
    done = Review.objects.get(pk=review.pk)
    assert reopen_review(
        by=a.actor(Role.OWNER), now=NOW, review_id=review.pk, version=done.version
    ).state == "draft"  # fmt: skip
    again = finish_review(
        by=a.actor(Role.OWNER), now=NOW, review_id=review.pk, version=done.version + 1
    )
    assert again.state == "done"
    assert actions() == ["started", "finished", "reopened", "finished"]


def test_withdrawing_can_be_undone_as_it_was(a: Workspace) -> None:
    by = a.actor(Role.MANAGER)
    draft, done = start(a), start(a)
    save(a, done, "x", finish=True)
    for review, state in ((draft, "draft"), (done, "done")):
        version = Review.objects.get(pk=review.pk).version
        out = withdraw_review(by=by, now=NOW, review_id=review.pk, version=version)
        assert out.state == "withdrawn"
        # The same again is nothing, though the screen is older than the change.
        withdraw_review(by=by, now=NOW, review_id=review.pk, version=version)
        with pytest.raises(DomainError, match="withdrawn"):
            reopen_review(by=by, now=NOW, review_id=review.pk, version=out.version)
        back = restore_review(by=by, now=NOW, review_id=review.pk, done=state == "done")
        assert back.state == state
    # What says nothing does not come back as done.
    withdraw_review(by=by, now=NOW, review_id=draft.pk, version=3)
    assert restore_review(by=by, now=NOW, review_id=draft.pk, done=True).state == "draft"


def test_a_stale_screen_withdraws_and_reopens_nothing(a: Workspace) -> None:
    review = start(a)
    save(a, review, "x", finish=True)
    for act in (withdraw_review, reopen_review):
        with pytest.raises(StaleVersion):
            act(by=a.actor(Role.MANAGER), now=NOW, review_id=review.pk, version=1)
    assert Review.objects.get(pk=review.pk).state == "done"


def test_findings_outlive_the_answer_and_the_review(a: Workspace) -> None:
    review = start(a)
    save(a, review, "They feared the cost.", finish=True)
    answer = Answer.objects.get(review=review)
    finding = add_finding(
        by=a.actor(Role.MANAGER), now=NOW, source="lost_interview", stage=a.stages["Held"],
        statement="Cost comes too late", deals=[review.deal_id], review=review, answer=answer,
    )  # fmt: skip
    reopen_review(by=a.actor(Role.MANAGER), now=NOW, review_id=review.pk, version=2)
    save(a, review, "")
    withdraw_review(by=a.actor(Role.MANAGER), now=NOW, review_id=review.pk, version=4)
    finding.refresh_from_db()
    assert finding.withdrawn_at is None
    assert finding.answer_id == answer.pk


# The buyer's own reason ------------------------------------------------------------------------


def reason(level: str, detail: str, **values: Any) -> LostReason:
    found: LostReason = LostReason.objects.create(level=level, detail=detail, **values)
    return found


def test_the_buyers_reason_stands_beside_the_reps_which_nothing_changes(a: Workspace) -> None:
    deal = Deal.objects.get(pk=a.deals["lost early"])
    theirs = reason("no_decision", "Budget gone")
    Deal.objects.filter(pk=deal.pk).update(lost_reason=theirs)
    before = Deal.objects.filter(pk=deal.pk).values().get()
    cheaper, rival = reason("competitor", "Cheaper"), Competitor.objects.create(name="Rival")
    review = start(a)
    save(
        a, review, buyer=Buyer("competitor", cheaper.pk, rival.pk, "They came in at half."),
        finish=True,
    )  # fmt: skip
    kept = Review.objects.get(pk=review.pk)
    assert (kept.buyer_level, kept.buyer_reason_id) == ("competitor", cheaper.pk)
    assert (kept.buyer_competitor_id, kept.buyer_words) == (rival.pk, "They came in at half.")
    assert Deal.objects.filter(pk=deal.pk).values().get() == before


def test_the_buyers_reason_is_checked(a: Workspace) -> None:
    review = start(a)
    price = reason("other", "Price")
    old = reason("competitor", "Old", retired_at=NOW)
    rival = Competitor.objects.create(name="Rival")
    gone = Competitor.objects.create(name="Gone", retired_at=NOW)
    refused: list[tuple[Buyer, str]] = [
        (Buyer("nonsense"), "no such kind"),
        (Buyer("", price.pk), "First say"),
        (Buyer("competitor", price.pk), "another kind"),
        (Buyer("other", price.pk, rival.pk), "belongs to a loss to a competitor"),
        (Buyer("competitor", old.pk), "retired"),
        (Buyer("competitor", None, gone.pk), "retired"),
        (Buyer("competitor", 999_999), "does not exist"),
        (Buyer("competitor", None, 999_999), "does not exist"),
        (Buyer("unknown", words="x" * 4001), "4,000 characters"),
    ]
    for buyer, sentence in refused:
        with pytest.raises(DomainError, match=sentence):
            save(a, review, buyer=buyer)
    call = start(a, "call_review")
    with pytest.raises(DomainError, match="Only a lost prospect"):
        save(a, call, buyer=Buyer("other"))
    assert actions() == ["started", "started"]


def test_a_reason_that_was_retired_since_may_stay(a: Workspace) -> None:
    review, cheaper = start(a), reason("competitor", "Cheaper")
    save(a, review, buyer=Buyer("competitor", cheaper.pk))
    LostReason.objects.filter(pk=cheaper.pk).update(retired_at=NOW)
    save(a, review, "one more answer", buyer=Buyer("competitor", cheaper.pk))
    assert Review.objects.get(pk=review.pk).buyer_reason_id == cheaper.pk


def test_the_neighbours_rows_do_not_exist(world: World) -> None:
    with company_context(world.b.company.pk):
        theirs = start(world.b)
        call = talk(world.b)
    with company_context(world.a.company.pk):
        with pytest.raises(NotFound):
            start(world.a, deal_id=world.b.deals["lost early"])
        with pytest.raises(NotFound):
            start(world.a, "call_review", activity_id=call.pk)
        for act in (withdraw_review, reopen_review, finish_review):
            with pytest.raises(NotFound):
                act(by=world.a.actor(Role.MANAGER), now=NOW, review_id=theirs.pk, version=1)
