"""The questions of each kind of review: those in use, earlier versions, and what they are."""

from dataclasses import dataclass

from django.db.models import Count

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import Guide, GuideQuestion, Review
from metrics.selectors.default_guides import DEFAULT_GUIDES
from metrics.selectors.finding_rows import author_text
from metrics.selectors.review_words import Word, kind_how, kind_word


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question. `change` says what this version did to it: "new", "reworded" or ""."""

    key: str
    text: str
    hint: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class GuideVersion:
    """A version in the history. `reviews` counts those that used it."""

    number: int
    day: str
    who: str
    reviews: int
    dropped: tuple[str, ...]  # questions of the version before that it left out
    changed: int  # how many it added or reworded
    moved: bool
    shown: bool
    newest: bool


@dataclass(frozen=True, slots=True)
class GuidePage:
    """A kind's questions in one version. `number` 0: nobody used or changed them yet, and they
    are those that everybody starts with."""

    kind: Word
    how: str
    number: int
    newest: int
    questions: tuple[QuestionRow, ...]
    versions: tuple[GuideVersion, ...]  # newest first


def guide_page(
    *, company: Company, kind: str, style: Style, number: int | None = None
) -> GuidePage | None:
    """The questions of a kind in a version, the newest without one; None where there is no such.

    Three queries at most, however many versions there are.
    """
    if kind not in DEFAULT_GUIDES:
        return None
    guides = list(Guide.objects.filter(kind=kind).select_related("created_by").order_by("number"))
    if not guides:
        return None if number not in (None, 0) else _first(kind)
    newest = guides[-1].number
    number = newest if number is None else number
    rows = _questions([guide.pk for guide in guides])
    used = _used(kind)
    versions, shown = [], None
    before: tuple[QuestionRow, ...] = ()
    for guide in guides:
        told = rows.get(guide.pk, ())
        here = _compared(told, before) if before else told
        kept = {row.key for row in told}
        versions.append(
            GuideVersion(
                number=guide.number,
                day=formats.day(guide.created_at.astimezone(company.zone), style),
                who=author_text(guide.created_by) if guide.created_by_id else "",
                reviews=used.get(guide.pk, 0),
                dropped=tuple(row.text for row in before if row.key not in kept),
                changed=sum(1 for row in here if row.change),
                moved=_moved(before, told),
                shown=guide.number == number,
                newest=guide.number == newest,
            )
        )
        if guide.number == number:
            shown = here
        before = told
    if shown is None:
        return None
    return GuidePage(
        kind=kind_word(kind),
        how=kind_how(kind),
        number=number,
        newest=newest,
        questions=shown,
        versions=tuple(reversed(versions)),
    )


def _first(kind: str) -> GuidePage:
    return GuidePage(
        kind=kind_word(kind),
        how=kind_how(kind),
        number=0,
        newest=0,
        questions=tuple(QuestionRow(q.key, str(q.text), str(q.hint)) for q in DEFAULT_GUIDES[kind]),
        versions=(),
    )


def _questions(guide_ids: list[int]) -> dict[int, tuple[QuestionRow, ...]]:
    found: dict[int, list[QuestionRow]] = {}
    rows = GuideQuestion.objects.filter(guide_id__in=guide_ids).order_by("guide_id", "position")
    for guide_id, key, text, hint in rows.values_list("guide_id", "key", "text", "hint"):
        found.setdefault(guide_id, []).append(QuestionRow(key, text, hint))
    return {guide_id: tuple(told) for guide_id, told in found.items()}


def _used(kind: str) -> dict[int, int]:
    counted = (
        Review.objects.filter(kind=kind)
        .exclude(state=Review.State.WITHDRAWN)
        .order_by()
        .values_list("guide_id")
        .annotate(n=Count("id"))
    )
    return dict(counted)


def _compared(
    now: tuple[QuestionRow, ...], before: tuple[QuestionRow, ...]
) -> tuple[QuestionRow, ...]:
    known = {row.key: row for row in before}

    def change(row: QuestionRow) -> str:
        old = known.get(row.key)
        if old is None:
            return "new"
        return "reworded" if (old.text, old.hint) != (row.text, row.hint) else ""

    return tuple(QuestionRow(row.key, row.text, row.hint, change(row)) for row in now)


def _moved(before: tuple[QuestionRow, ...], now: tuple[QuestionRow, ...]) -> bool:
    """Do the questions that both have stand in another order?"""
    old = [row.key for row in before if row.key in {r.key for r in now}]
    new = [row.key for row in now if row.key in {r.key for r in before}]
    return old != new
