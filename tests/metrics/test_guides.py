"""The company's own questions: version 1 by itself, each edit the next, keys that stay."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import DomainError, NotAllowed
from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Guide, GuideQuestion, ReviewKind
from metrics.selectors.default_guides import DEFAULT_GUIDES
from metrics.selectors.guides import GuidePage, guide_page
from metrics.services.guides import Wording, change_guide, guide_in_use, new_key
from pipeline.services.history import NotFound, StaleVersion
from tests.personas import NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  the fixture
from tests.pipeline.pages.deal_pages import inside
from tests.pipeline.test_at_the_same_time import THREADS, together

KIND = ReviewKind.CALL.value
STYLE = Style("en", "EUR")


def in_use(workspace: Workspace, kind: str = KIND) -> Guide:
    return guide_in_use(by=workspace.actor(Role.MANAGER), now=NOW, kind=kind)


def change(
    workspace: Workspace, questions: list[Wording], number: int, role: Role = Role.MANAGER
) -> Guide:
    return change_guide(
        by=workspace.actor(role), now=NOW, kind=KIND, questions=questions, number=number
    )


def wordings(guide: Guide) -> list[Wording]:
    rows = guide.questions.order_by("position")
    return [Wording(row.text, row.hint, row.key) for row in rows]


def page(workspace: Workspace, number: int | None = None) -> GuidePage | None:
    return guide_page(company=workspace.company, kind=KIND, style=STYLE, number=number)


def test_every_kind_has_questions_to_start_with() -> None:
    assert set(DEFAULT_GUIDES) == set(ReviewKind.values)
    for questions in DEFAULT_GUIDES.values():
        keys = [question.key for question in questions]
        assert len(keys) == len(set(keys)) >= 4
        assert all(len(str(q.text)) <= 300 and len(str(q.hint)) <= 300 for q in questions)


def test_the_first_use_makes_version_1_and_the_second_makes_none(alpha: Workspace) -> None:
    assert page(alpha).number == 0  # type: ignore[union-attr]
    first, again = in_use(alpha), in_use(alpha)
    assert first.pk == again.pk
    assert first.number == 1
    assert [w.key for w in wordings(first)] == [q.key for q in DEFAULT_GUIDES[KIND]]
    assert AuditEntry.objects.filter(action="guide.started").count() == 1


def test_an_edit_is_the_next_version_and_keeps_the_keys(alpha: Workspace) -> None:
    told = wordings(in_use(alpha))
    wanted = [
        told[2],
        Wording("What did they worry about most?", told[1].hint, told[1].key),
        Wording("  Who   was on the call? ", ""),
        *told[3:],
    ]
    second = change(alpha, wanted, number=1)
    assert second.number == 2
    assert [w.key for w in wordings(second)] == [
        told[2].key, told[1].key, "who_was_on_the_call", *[w.key for w in told[3:]],
    ]  # fmt: skip
    assert wordings(second)[2].text == "Who was on the call?"
    assert wordings(Guide.objects.get(kind=KIND, number=1)) == told  # untouched
    shown = page(alpha)
    assert shown
    assert [v.number for v in shown.versions] == [2, 1]
    assert shown.versions[0].dropped == (told[0].text,)
    assert shown.versions[0].changed == 2
    assert shown.versions[0].moved
    assert [q.change for q in shown.questions][:3] == ["", "reworded", "new"]
    entry = AuditEntry.objects.get(action="guide.changed")
    assert entry.after["number"] == 2
    assert entry.before["questions"] == [w.text for w in told]


def test_the_same_questions_again_make_no_version(alpha: Workspace) -> None:
    guide = in_use(alpha)
    assert change(alpha, wordings(guide), number=1).pk == guide.pk
    assert Guide.objects.count() == 1


def test_editing_before_any_review_keeps_the_first_questions_as_version_1(
    alpha: Workspace,
) -> None:
    edited = change(alpha, [Wording("Only this?")], number=0)
    assert edited.number == 2
    assert Guide.objects.get(number=1).questions.count() == len(DEFAULT_GUIDES[KIND])


def test_a_stale_version_is_told_and_changes_nothing(alpha: Workspace) -> None:
    told = wordings(in_use(alpha))
    change(alpha, told[:3], number=1)
    with pytest.raises(StaleVersion, match="version 2 is in use now"):
        change(alpha, told[:2], number=1)
    assert Guide.objects.count() == 2
    assert change(alpha, told, number=2).number == 3  # what was dropped comes back as it was
    assert [w.key for w in wordings(Guide.objects.get(number=3))] == [w.key for w in told]


@pytest.mark.parametrize(
    ("questions", "sentence"),
    [
        ([], "at least one"),
        ([Wording(" ")], "needs words"),
        ([Wording("x" * 301)], "300 characters"),
        ([Wording("x", "h" * 301)], "300 characters"),
        ([Wording("Why?"), Wording("why?")], "twice"),
        ([Wording("Why?", "", "nobody_has_this")], "cannot be recognised"),
        ([Wording("Why?", "", "worries"), Wording("How?", "", "worries")], "cannot be recognised"),
        ([Wording(f"Question {n}?") for n in range(41)], "at most 40"),
        ([Wording("a\0b")], "cannot be kept"),
    ],
)
def test_what_is_refused(alpha: Workspace, questions: list[Wording], sentence: str) -> None:
    in_use(alpha)
    with pytest.raises(DomainError, match=sentence):
        change(alpha, questions, number=1)
    assert Guide.objects.count() == 1


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_reps_and_leaders_change_no_questions(alpha: Workspace, role: Role) -> None:
    with pytest.raises(NotAllowed):
        change(alpha, [Wording("Why?")], number=0, role=role)
    assert not Guide.objects.exists()


def test_no_such_kind(alpha: Workspace) -> None:
    with pytest.raises(NotFound):
        in_use(alpha, "telepathy")
    assert guide_page(company=alpha.company, kind="telepathy", style=STYLE) is None
    in_use(alpha)
    assert page(alpha, number=2) is None
    assert page(alpha, number=1) is not None


def test_a_new_key_is_never_one_that_was_used() -> None:
    assert new_key("Who else decided?", set()) == "who_else_decided"
    assert new_key("Who else decided?", {"who_else_decided"}) == "who_else_decided_2"
    assert new_key("是吗?", set()) == "question"
    assert len(new_key("word " * 60, set())) <= 60


def test_two_first_uses_at_once_make_one_version(committed_alpha: Workspace) -> None:
    outcomes = together(committed_alpha, [lambda: in_use(committed_alpha).pk] * THREADS)
    assert len(set(outcomes)) == 1
    with inside(committed_alpha):
        assert Guide.objects.count() == 1
        assert GuideQuestion.objects.count() == len(DEFAULT_GUIDES[KIND])


def test_the_page_asks_the_same_for_many_versions(alpha: Workspace) -> None:
    told = wordings(in_use(alpha))

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(alpha)
        return len(captured)

    few = asked()
    for n in range(1, 9):
        change(alpha, [*told, Wording(f"Question {n}?")], number=n)
    assert asked() == few == 3


# Pages ---------------------------------------------------------------------------------------

GUIDE = "/w/alpha/reviews/guides/lost_interview/"


def form(world: World, **values: Any) -> dict[str, Any]:
    """The edit form as a browser sends it back, with some fields changed."""
    body = client_of(world.a.user(Role.MANAGER)).get(f"{GUIDE}edit/")
    context = body.context
    sent: dict[str, Any] = {"number": context["number"], "lines": len(context["lines"])}
    for line in context["lines"]:
        for name in ("key", "place", "text", "hint"):
            sent[line[name].html_name] = line[name].value() or ""
    return {**sent, **values}


@pytest.mark.usefixtures("clock_stands")
def test_the_form_rewords_moves_removes_and_adds(world: World) -> None:
    manager = client_of(world.a.user(Role.MANAGER))
    sent = form(world)
    first, second = sent["q0-key"], sent["q1-key"]
    sent |= {
        "q0-place": "9", "q1-text": "Which one?", "q2-removed": "on",
        "q6-text": "Who told you first?", "q6-place": "1",
    }  # fmt: skip
    response = manager.post(f"{GUIDE}edit/", sent)
    assert response.status_code == 303
    assert response["Location"] == GUIDE
    with company_context(world.a.company.pk):
        rows = list(
            GuideQuestion.objects.filter(guide__number=2)
            .order_by("position")
            .values_list("key", "text")
        )
    assert rows[0] == ("who_told_you_first", "Who told you first?")
    assert rows[1] == (second, "Which one?")
    assert rows[-1][0] == first
    assert "why" not in [key for key, _text in rows]
    body = manager.get(GUIDE).content.decode()
    assert "Version 2" in body
    assert "Left out: Why?" in body
    assert "This is version 1" in manager.get(f"{GUIDE}?version=1").content.decode()
    assert manager.get(f"{GUIDE}?version=3").status_code == 404
    assert manager.get(f"{GUIDE}?version=x").status_code == 404


@pytest.mark.usefixtures("clock_stands")
def test_a_stale_form_keeps_what_was_typed_and_shows_what_is_in_use(world: World) -> None:
    manager = client_of(world.a.user(Role.MANAGER))
    mine = form(world, **{"q0-text": "My wording?"})
    manager.post(f"{GUIDE}edit/", form(world, **{"q0-text": "Their wording?"}))
    response = manager.post(f"{GUIDE}edit/", mine)
    body = response.content.decode()
    assert response.status_code == 409
    assert "My wording?" in body
    assert "Their wording?" in body
    assert 'name="number" value="2"' in body
    again = manager.post(f"{GUIDE}edit/", {**mine, "number": "2"})
    assert again.status_code == 303
    assert "My wording?" in manager.get(GUIDE).content.decode()


@pytest.mark.usefixtures("clock_stands")
@pytest.mark.parametrize(
    "broken",
    [{"q0-text": ""}, {"q6-hint": "a hint alone"}, {"q0-place": "0"}, {"q1-text": "x" * 301}],
)
def test_a_line_says_what_is_wrong_with_it(world: World, broken: dict[str, str]) -> None:
    response = client_of(world.a.user(Role.OWNER)).post(f"{GUIDE}edit/", form(world, **broken))
    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()


@pytest.mark.usefixtures("clock_stands")
def test_who_may_see_and_change(world: World) -> None:
    for role in Role:
        client = client_of(world.a.user(role))
        body = client.get(GUIDE).content.decode()
        manages = role in (Role.OWNER, Role.MANAGER)
        assert ("Change the questions" in body) == manages
        assert client.get(f"{GUIDE}blank/").status_code == 200
        assert client.get(f"{GUIDE}edit/").status_code == (200 if manages else 403)
    assert client_of(world.a.user(Role.REP)).get("/w/alpha/reviews/guides/x/").status_code == 404
    for sent in ({}, {"number": "1", "lines": "5000"}):
        response = client_of(world.a.user(Role.MANAGER)).post(f"{GUIDE}edit/", sent)
        assert response.status_code == 303  # told, and back to the form


@pytest.mark.usefixtures("clock_stands")
def test_the_blank_sheet_has_every_question_and_room(world: World) -> None:
    body = client_of(world.a.user(Role.LEADER)).get(f"{GUIDE}blank/").content.decode()
    assert body.count('class="room"') == len(DEFAULT_GUIDES["lost_interview"]) + 1
    assert "They chose a competitor" in body
    other = client_of(world.a.user(Role.LEADER)).get("/w/alpha/reviews/guides/call_review/blank/")
    assert "They chose a competitor" not in other.content.decode()
