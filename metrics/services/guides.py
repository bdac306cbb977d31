"""The company's own questions: each edit is a new version, and earlier reviews keep theirs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.permissions import allows
from accounts.services.audit import record_audit
from metrics.models import Guide, GuideQuestion, ReviewKind
from metrics.permissions import GUIDE_MANAGE
from metrics.selectors.default_guides import DEFAULT_GUIDES
from pipeline import rules
from pipeline.services.history import NotFound, StaleVersion, wait_for_key
from pipeline.services.refusals import refuse

QUESTION_LENGTH = 300
MOST_QUESTIONS = 40


@dataclass(frozen=True, slots=True)
class Wording:
    """A question as it shall stand in the next version. `key` "": it is new."""

    text: str
    hint: str = ""
    key: str = ""


def guide_in_use(*, by: Actor, now: datetime, kind: str) -> Guide:
    """The newest version of a kind's questions; the first use of a kind makes version 1 of the
    questions that everybody starts with."""
    check_kind(kind)
    with transaction.atomic():
        newest = _newest(kind)
        if newest is not None:
            return newest
        wait_for_key(f"guide {kind}")
        newest = _newest(kind)
        if newest is not None:
            return newest
        first = [
            Wording(str(question.text), str(question.hint), question.key)
            for question in DEFAULT_GUIDES[kind]
        ]
        return _write(kind, 1, first, by=by, now=now)


def change_guide(
    *, by: Actor, now: datetime, kind: str, questions: Sequence[Wording], number: int
) -> Guide:
    """The next version, with these questions in this order; the same again makes none.

    `number` is the version that the screen showed, 0 for the questions that everybody starts
    with. If there is a later one, that is told and nothing is changed. A question keeps its key
    when it is reworded or moved, so that answers stay comparable.
    """
    if by.role is not None and not allows(by.role, GUIDE_MANAGE):
        raise NotAllowed(_("Managers and owners change the questions. Ask one of them."))
    check_kind(kind)
    wanted = _checked(questions)
    with transaction.atomic():
        wait_for_key(f"guide edit {kind}")
        current = guide_in_use(by=by, now=now, kind=kind)
        if current.number != max(number, 1):
            raise StaleVersion(_stale(current))
        before = _wordings(current)
        # Also those of earlier versions: a question that comes back is the one it was.
        taken = set(GuideQuestion.objects.filter(guide__kind=kind).values_list("key", flat=True))
        if any(row.key and row.key not in taken for row in wanted):
            raise DomainError(_("This form cannot be recognised. Reload the page."))
        keyed = []
        for row in wanted:
            key = row.key or new_key(row.text, taken)
            taken.add(key)
            keyed.append(Wording(row.text, row.hint, key))
        if keyed == before:
            return current
        return _write(kind, current.number + 1, keyed, by=by, now=now, before=before)


def check_kind(kind: str) -> None:
    """NotFound for what is no kind of review."""
    if kind not in ReviewKind.values:
        raise NotFound(_("There is no such kind of review."))


def new_key(text: str, taken: set[str]) -> str:
    """A key for a new question, from its first words; never one that a question had before."""
    plain = re.sub(r"-+", "_", slugify(text))[:40].strip("_") or "question"
    key, n = plain, 1
    while key in taken:
        n += 1
        key = f"{plain}_{n}"
    return key


def _newest(kind: str) -> Guide | None:
    found: Guide | None = Guide.objects.filter(kind=kind).order_by("-number").first()
    return found


def _wordings(guide: Guide) -> list[Wording]:
    rows = guide.questions.order_by("position")
    return [Wording(row.text, row.hint, row.key) for row in rows]


def _checked(questions: Sequence[Wording]) -> list[Wording]:
    wanted = []
    for row in questions:
        text, hint = " ".join(row.text.split()), " ".join(row.hint.split())
        refuse(rules.unkeepable(text, hint))
        if not text:
            raise DomainError(_("A question needs words. To drop it, tick that it is removed."))
        if len(text) > QUESTION_LENGTH or len(hint) > QUESTION_LENGTH:
            raise DomainError(
                _("A question, and its hint, have at most 300 characters. Say it shorter.")
            )
        wanted.append(Wording(text, hint, row.key))
    if not wanted:
        raise DomainError(_("Keep at least one question."))
    if len(wanted) > MOST_QUESTIONS:
        raise DomainError(_("There are at most 40 questions. Nobody answers more."))
    folded = [row.text.casefold() for row in wanted]
    twice = next((row.text for row in wanted if folded.count(row.text.casefold()) > 1), None)
    if twice is not None:
        raise DomainError(_("This question stands there twice: {text}").format(text=twice))
    keys = [row.key for row in wanted if row.key]
    if len(keys) != len(set(keys)):
        raise DomainError(_("This form cannot be recognised. Reload the page."))
    return wanted


def _write(
    kind: str,
    number: int,
    questions: Sequence[Wording],
    *,
    by: Actor,
    now: datetime,
    before: Sequence[Wording] = (),
) -> Guide:
    guide: Guide = Guide.objects.create(
        kind=kind, number=number, created_at=now, created_by_id=by.user_id
    )
    GuideQuestion.objects.bulk_create(
        GuideQuestion(guide=guide, position=n, key=row.key, text=row.text, hint=row.hint)
        for n, row in enumerate(questions, start=1)
    )
    record_audit(
        by=by,
        at=now,
        action="guide.changed" if before else "guide.started",
        object_type="guide",
        object_id=guide.pk,
        before={"questions": [row.text for row in before]},
        after={"kind": kind, "number": number, "questions": [row.text for row in questions]},
    )
    return guide


def _stale(current: Guide) -> str:
    who = current.created_by
    return _(
        "{who} changed these questions while you were looking; version {number} is in use now."
        " Nothing of yours was saved. Compare, then save again to put yours in its place."
    ).format(who=who or _("Somebody"), number=current.number)
