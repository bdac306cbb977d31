"""The pages of reviews: what is proposed, starting one, the sheet, the list and its file."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.roles import Role
from metrics.models import Answer, Finding, Review
from metrics.services.findings import add_finding
from metrics.services.reviews import Buyer, Given, save_answers, start_review
from pipeline.models import Deal, LostReason
from pipeline.services.notes import record_activity
from tests.personas import CANARY, NOW, World
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  the fixture
from tests.pipeline.pages.deal_pages import HX, add_person, client, inside

pytestmark = pytest.mark.usefixtures("clock_stands")

LIST = "/w/alpha/reviews/"
START = f"{LIST}start/"
HOSTILE = '<script>alert(1)</script> =cmd|"x" & so'


def sheet_url(review_id: int, part: str = "") -> str:
    return f"{LIST}{review_id}/{part}"


def page(world: World, path: str = LIST, role: Role = Role.MANAGER, **extra: Any) -> str:
    response = client(world.a, role).get(path, **extra)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def log(world: World, deal: str = "lost early", **values: Any) -> int:
    with inside(world.a):
        made = record_activity(
            by=world.a.actor(Role.MANAGER), deal_id=world.a.deals[deal],
            kind=values.pop("kind", "call"), happened_at=NOW - timedelta(days=2), now=NOW,
            **values,
        )  # fmt: skip
        return int(made.pk)


def begin(world: World, kind: str = "lost_interview", deal: str = "lost early") -> Review:
    activity = None if kind.endswith("interview") else log(world, deal)
    with inside(world.a):
        return start_review(
            by=world.a.actor(Role.MANAGER), now=NOW, kind=kind, deal_id=world.a.deals[deal],
            activity_id=activity,
        )  # fmt: skip


def fields(review: Review, *texts: str, **values: Any) -> dict[str, Any]:
    """What a browser sends from the sheet."""
    ids = list(review.guide.questions.order_by("position").values_list("pk", flat=True))
    told = {f"answer_{pk}": text for pk, text in zip(ids, texts, strict=False)}
    return {"version": 1, "held_on": "2026-05-20", "level": "", "words": "", **told, **values}


def send(
    world: World, review: Review, *texts: str, role: Role = Role.MANAGER, **values: Any
) -> HttpResponse:
    with inside(world.a):
        sent = fields(review, *texts, **values)
    return client(world.a, role).post(sheet_url(review.pk, "save/"), sent)


def stored(world: World, review: Review) -> list[str]:
    with inside(world.a):
        rows = Answer.objects.filter(review=review).order_by("question__position")
        return list(rows.values_list("text", flat=True))


# What to look at next ------------------------------------------------------------------------


def test_the_list_proposes_deals_and_says_why_and_how(computed: World) -> None:
    body = page(computed)
    assert "1 lost at Booked in Q2 2026" in body
    assert "How these deals are chosen" in body
    assert "1 deal won in Q2 2026" in body
    late = computed.a.deals["lost late"]
    assert f"{START}?kind=lost_interview&amp;deal={late}" in body
    assert "figure=lost_at&amp;at=1" in body
    assert CANARY not in body


def test_readers_see_what_is_proposed_and_no_buttons(computed: World) -> None:
    for role in (Role.REP, Role.LEADER):
        body = page(computed, role=role)
        assert "1 lost at Booked in Q2 2026" in body
        assert START not in body
        assert client(computed.a, role).get(START).status_code == 403


def test_one_kind_is_asked_for_in_the_address(computed: World) -> None:
    body = page(computed, f"{LIST}?kind=customer_interview")
    assert "1 deal won in Q2 2026" in body
    assert "lost at Booked" not in body
    assert "There is no kind of review “x”" in page(computed, f"{LIST}?kind=x")
    part = client(computed.a).get(f"{LIST}?kind=customer_interview", headers=HX)
    assert part.content.decode().lstrip().startswith('<div class="stack" id="page">')


def test_empty_states_say_what_to_do(world: World) -> None:
    assert "Nothing was won or lost yet" in page(world)
    body = page(world, f"{LIST}?view=done")
    assert "No reviews yet" in body
    begin(world)
    assert "No review matches" in page(world, f"{LIST}?view=done&kind=email_review")


# Starting ------------------------------------------------------------------------------------


def test_the_kind_and_the_deal_are_asked_for_without_scripts(world: World) -> None:
    assert f"{START}?kind=email_review" in page(world, START)
    found = page(world, f"{START}?kind=call_review&find=LOST+early")
    assert f"{START}?kind=call_review&amp;deal={world.a.deals['lost early']}" in found
    body = page(world, f"{START}?deal={world.a.deals['open']}")
    assert "Not for a deal in this state." in body
    for query in ("?kind=x", "?deal=x", "?deal=999999999", f"?deal={world.b.deals['open']}"):
        assert client(world.a).get(START + query).status_code == 404


def test_the_newest_call_is_chosen_and_the_sheet_opens(world: World) -> None:
    older = log(world, note="They liked it.")
    newer = log(world, note=HOSTILE)
    url = f"{START}?kind=call_review&deal={world.a.deals['lost early']}"
    body = page(world, url)
    assert escape(HOSTILE) in body
    assert f'value="{newer}"' in body
    key = body.split('name="key" value="')[1].split('"')[0]
    sent = {"key": key, "activity": str(older)}
    first = client(world.a).post(url, sent)
    again = client(world.a).post(url, sent)
    assert first.status_code == again.status_code == 303
    assert first["Location"] == again["Location"]
    with inside(world.a):
        made = Review.objects.get()
        assert (made.activity_id, made.kind) == (older, "call_review")
    assert "Reviewed already" in page(world, url)
    assert "They liked it." in page(world, first["Location"])  # beside the questions


def test_what_has_no_call_or_is_not_lost_says_so(world: World) -> None:
    url = f"{START}?kind=call_review&deal={world.a.deals['lost early']}"
    assert "No call or meeting of this deal is on record" in page(world, url)
    assert "is lost, and this one is not" not in page(world, url)
    unfit = page(world, f"{START}?kind=lost_interview&deal={world.a.deals['open']}")
    assert "lost, and this one is not" in unfit
    response = client(world.a).post(url, {"key": "k"})
    assert response.status_code == 422


def test_an_interview_names_who_and_when(world: World) -> None:
    mia = add_person(world.a, "Mia Stone", title="CFO")
    url = f"{START}?kind=lost_interview&deal={world.a.deals['lost early']}"
    assert "Mia Stone, CFO" in page(world, url)
    bad = client(world.a).post(url, {"key": "k", "contact": "999", "held_on": "2026-05-20"})
    assert bad.status_code == 422
    future = client(world.a).post(url, {"key": "k", "contact": "", "held_on": "2026-06-20"})
    assert future.status_code == 422
    assert "still to come" in future.content.decode()
    good = client(world.a).post(url, {"key": "k", "contact": str(mia.pk), "held_on": "2026-05-18"})
    assert good.status_code == 303
    assert "Mia Stone, CFO" in page(world, good["Location"], Role.LEADER)


# The sheet -----------------------------------------------------------------------------------


def test_a_draft_is_saved_and_finished_by_plain_forms(world: World) -> None:
    review = begin(world)
    long = "They feared the cost. " * 900
    response = send(world, review, long, HOSTILE)
    assert response.status_code == 303
    assert response["Location"] == sheet_url(review.pk)
    assert stored(world, review)[:2] == [long.strip(), HOSTILE]
    body = page(world, sheet_url(review.pk))
    assert escape(HOSTILE) in body
    assert HOSTILE not in body
    assert "2 of 6 answered" in body
    assert send(world, review, version=2, finish="1").status_code == 303
    done = page(world, sheet_url(review.pk))
    assert 'name="finish"' not in done
    assert "2 of 6 questions answered" in done
    assert "Not answered" in done


def test_a_refused_sheet_keeps_what_was_typed(world: World) -> None:
    review = begin(world)
    response = send(world, review, "kept", "x" * 20_001)
    assert response.status_code == 422
    body = response.content.decode()
    assert "at most 20,000 characters" in body
    assert ">\nkept</textarea>" in body
    assert "x" * 20_001 in body
    assert stored(world, review) == []
    empty = send(world, review, finish="1")
    assert empty.status_code == 422
    assert "Answer at least one question" in empty.content.decode()


def test_line_breaks_count_once(world: World) -> None:
    review = begin(world)
    text = "a\r\n" * 9_999 + "a"  # 19,999 letters as they are kept
    assert send(world, review, text).status_code == 303
    assert len(stored(world, review)[0]) == 19_999


def test_a_stale_sheet_shows_both_and_can_be_sent_again(world: World) -> None:
    review = begin(world)
    send(world, review, "theirs", "same")
    response = send(world, review, "mine", "same", version=1)
    body = response.content.decode()
    assert response.status_code == 409
    assert ">\nmine</textarea>" in body
    assert body.count("Stands there now</strong>") == 1
    assert "theirs" in body
    assert 'name="version" value="2"' in body
    assert stored(world, review)[0] == "theirs"
    assert send(world, review, "mine", "same", version=2).status_code == 303
    assert stored(world, review)[0] == "mine"


def test_what_was_typed_into_a_sheet_that_was_closed_meanwhile_is_shown(world: World) -> None:
    review = begin(world)
    send(world, review, "theirs", finish="1")
    response = send(world, review, "mine, long worked on", version=1)
    body = response.content.decode()
    assert response.status_code == 409
    assert "What you had typed" in body
    assert "mine, long worked on" in body
    assert stored(world, review) == ["theirs"]


def test_reopen_withdraw_and_put_back(world: World) -> None:
    review = begin(world)
    send(world, review, "x", finish="1")
    manager = client(world.a)
    assert "Reopen" in page(world, sheet_url(review.pk))
    assert manager.post(sheet_url(review.pk, "reopen/"), {"version": 1}).status_code == 303
    assert 'name="finish"' not in page(world, sheet_url(review.pk))  # told: it had changed
    assert manager.post(sheet_url(review.pk, "reopen/"), {"version": 2}).status_code == 303
    # Withdrawing a draft keeps first what was typed on it.
    out = send(world, review, "typed and withdrawn", version=3, withdraw="1")
    assert out.status_code == 303
    body = page(world, sheet_url(review.pk))
    assert "This review was withdrawn" in body
    assert sheet_url(review.pk, "put-back/") in body
    assert stored(world, review) == ["typed and withdrawn"]
    assert manager.post(sheet_url(review.pk, "put-back/")).status_code == 303
    with inside(world.a):
        assert Review.objects.get(pk=review.pk).state == "draft"


def test_the_undo_of_a_withdrawal_puts_a_finished_review_back_as_finished(world: World) -> None:
    review = begin(world)
    send(world, review, "x", finish="1")
    manager = client(world.a)
    manager.post(sheet_url(review.pk, "withdraw/"), {"version": 2})
    undo = sheet_url(review.pk, "put-back/?done=1")
    assert undo in manager.get(sheet_url(review.pk)).content.decode()
    manager.post(undo)
    with inside(world.a):
        assert Review.objects.get(pk=review.pk).state == "done"


def test_the_buyers_reason_is_beside_the_reps(world: World) -> None:
    deal_id = world.a.deals["lost early"]
    with inside(world.a):
        rep = LostReason.objects.create(level="other", detail="Timing")
        buyer = LostReason.objects.create(level="competitor", detail="Cheaper")
        Deal.objects.filter(pk=deal_id).update(lost_reason=rep)
    review = begin(world)
    assert "The rep said: Other: Timing." in page(world, sheet_url(review.pk))
    told = {"level": "competitor", "reason_competitor": str(buyer.pk), "words": "Half the price."}
    assert send(world, review, finish="1", **told).status_code == 303
    body = page(world, sheet_url(review.pk), Role.LEADER)
    for said in ("Other: Timing", "Competitor: Cheaper", "Half the price."):
        assert said in body
    with inside(world.a):
        assert Deal.objects.get(pk=deal_id).lost_reason_id == rep.pk


def test_a_finding_is_drawn_from_an_answer(world: World) -> None:
    review = begin(world)
    send(world, review, "They feared the cost.")
    body = page(world, sheet_url(review.pk))
    with inside(world.a):
        answer = Answer.objects.get(review=review)
    held = world.a.stages["Held"].pk
    query = (
        f"review={review.pk}&amp;deal={world.a.deals['lost early']}"
        f"&amp;source=lost_interview&amp;stage={held}&amp;answer={answer.pk}"
    )
    assert f'href="/w/alpha/findings/add/?{query}"' in body
    form = page(world, f"/w/alpha/findings/add/?{query.replace('&amp;', '&')}")
    assert "They feared the cost." in form
    sent = {
        "key": "k", "source": "lost_interview", "stage": held, "statement": "Cost comes late",
        "severity": "high", "learned_on": "2026-05-20", "deals": [world.a.deals["lost early"]],
        "review": review.pk, "answer": answer.pk, "save": "1",
    }  # fmt: skip
    from_sheet = {**HX, "HX-Current-URL": f"http://testserver{sheet_url(review.pk)}"}
    drawn = client(world.a).post("/w/alpha/findings/add/", sent, headers=from_sheet)
    assert drawn.status_code == 200
    assert drawn["HX-Retarget"] == "#drawn"
    part = drawn.content.decode()
    assert "Cost comes late" in part
    assert "<textarea" not in part  # what is being typed stays
    assert 'hx-target="#tools-1"' in part
    with inside(world.a):
        assert Finding.objects.get().answer_id == answer.pk
    assert "Cost comes late" in page(world, sheet_url(review.pk), Role.REP)


def test_readers_read_the_sheet_and_change_nothing(world: World) -> None:
    review = begin(world)
    send(world, review, "They feared the cost.")
    for role in (Role.REP, Role.LEADER):
        body = page(world, sheet_url(review.pk), role)
        assert "They feared the cost." in body
        assert "<textarea" not in body
        assert send(world, review, "mine", role=role, version=2).status_code == 403
        for part in ("reopen/", "withdraw/", "put-back/"):
            assert client(world.a, role).post(sheet_url(review.pk, part)).status_code == 403
    assert "Draw a finding" not in page(world, sheet_url(review.pk), Role.LEADER)


def test_foreign_reviews_do_not_exist(world: World) -> None:
    with inside(world.b):
        theirs = start_review(
            by=world.b.actor(Role.MANAGER), now=NOW, kind="lost_interview",
            deal_id=world.b.deals["lost early"],
        )  # fmt: skip
    assert client(world.a).get(sheet_url(theirs.pk)).status_code == 404
    for part in ("save/", "reopen/", "withdraw/", "put-back/"):
        assert client(world.a).post(sheet_url(theirs.pk, part), {}).status_code == 404
    assert client(world.a).get(f"{LIST}{theirs.pk}/save/").status_code in (404, 405)


# The list and its file -------------------------------------------------------------------------


def test_the_list_has_drafts_first_and_can_be_narrowed(world: World) -> None:
    done, draft = begin(world), begin(world, "call_review")
    send(world, done, "x", finish="1")
    body = page(world, f"{LIST}?view=done", Role.LEADER)
    assert body.index(sheet_url(draft.pk)) < body.index(sheet_url(done.pk))
    assert sheet_url(draft.pk) not in page(world, f"{LIST}?view=done&state=done")
    assert sheet_url(done.pk) not in page(world, f"{LIST}?view=done&kind=call_review")
    author = world.a.user(Role.MANAGER).pk
    assert sheet_url(done.pk) in page(world, f"{LIST}?view=done&author={author}&text=ACME")
    assert sheet_url(done.pk) not in page(world, f"{LIST}?view=done&text=nobody")
    deal = world.a.deals["lost late"]
    assert sheet_url(done.pk) not in page(world, f"{LIST}?view=done&deal={deal}")
    assert "left out" in page(world, f"{LIST}?view=done&deal={world.b.deals['open']}")


def table(world: World, query: str = "") -> list[list[str]]:
    response = client(world.a, Role.LEADER).get(f"{LIST}answers.csv{query}")
    assert response["Content-Disposition"].startswith('attachment; filename="alpha-reviews-')
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_every_answer_is_a_row_of_the_file_that_no_spreadsheet_runs(world: World) -> None:
    with inside(world.a):
        buyer = LostReason.objects.create(level="competitor", detail="Cheaper")
    review, empty = begin(world), begin(world, "call_review")
    told = {"level": "competitor", "reason_competitor": str(buyer.pk), "words": "=1+1"}
    send(world, review, "=HYPERLINK(1)", "line one\nline two", finish="1", **told)
    head, *rows = table(world)
    assert [row[0] for row in rows] == [str(review.pk), str(review.pk), str(empty.pk)]
    assert all(len(row) == len(head) for row in rows)
    named = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["Answer"] for row in named] == ["'=HYPERLINK(1)", "line one\nline two", ""]
    assert named[0]["Question key"] == "what_instead"
    assert named[0]["The buyer's kind of reason"] == "Competitor"
    assert named[0]["The buyer's reason"] == "Cheaper"
    assert named[0]["The buyer's words"] == "'=1+1"
    assert table(world, "?kind=email_review") == [head]


def test_the_queries_of_the_pages_stay_the_same(world: World) -> None:
    review = begin(world)

    def asked(path: str) -> int:
        visitor = client(world.a)
        visitor.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert visitor.get(path).status_code == 200
        return len(captured)

    paths = (f"{LIST}?view=done", f"{LIST}answers.csv", sheet_url(review.pk))
    send(world, review, "They feared the cost.")
    with inside(world.a):
        by = world.a.actor(Role.MANAGER)
        add_finding(
            by=by, now=NOW, source="lost_interview", stage=world.a.stages["Held"],
            statement="First", deals=[review.deal_id], review=review,
        )  # fmt: skip
    few = [asked(path) for path in paths]
    with inside(world.a):
        for n in range(20):
            more = start_review(
                by=by, now=NOW, kind="lost_interview", deal_id=world.a.deals["lost early"]
            )
            pk = more.guide.questions.order_by("position").first().pk
            save_answers(
                by=by, now=NOW, review_id=more.pk, version=1, finish=True,
                given=Given({pk: f"Answer {n}"}, buyer=Buyer("other", words="No.")),
            )  # fmt: skip
            add_finding(
                by=by, now=NOW, source="lost_interview", stage=world.a.stages["Held"],
                statement=f"Finding {n}", deals=[review.deal_id], review=review,
            )  # fmt: skip
    assert [asked(path) for path in paths] == few == [15, 9, 23]
