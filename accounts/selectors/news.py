"""What people are told, kind by kind: adding a kind is one entry.

`values` of a notification hold plain facts; the sentence is made when it is read, in the language
of who reads it. "quarter" holds a label such as 2026-Q1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import formats
from accounts.models import Mailing
from accounts.roles import MANAGERS, OVERSEERS, READERS, Role


@dataclass(frozen=True, slots=True)
class NewsKind:
    """One kind. `key` is what rows keep; `roles` who may be told of it; then the defaults."""

    key: str
    title: str | Promise
    sentence: str | Promise
    icon: str
    roles: frozenset[Role]
    shown: bool = True
    mailing: Mailing = Mailing.OFF


_KINDS = (
    NewsKind(
        "quarter_final",
        _("A quarter becomes final"),
        _("{quarter} is final. Its review is ready to be read."),
        "lock",
        OVERSEERS,
        mailing=Mailing.DIGEST,
    ),
    NewsKind(
        "quarter_restated",
        _("A final quarter is restated"),
        _("{quarter} was restated: {figures} figures changed. See what caused it."),
        "history",
        OVERSEERS,
        mailing=Mailing.DIGEST,
    ),
    NewsKind(
        "signature_restated",
        _("What you signed is restated"),
        _("{quarter}, which you signed, was restated. What was signed stays as it was."),
        "circle-alert",
        MANAGERS,
        mailing=Mailing.AT_ONCE,
    ),
    NewsKind(
        "danger_worse",
        _("A stage loses more than usual"),
        _("{stage} loses clearly more than usual in {quarter}: {lost} of {exits} lost."),
        "triangle-alert",
        MANAGERS,
    ),
    NewsKind(
        "experiment_settled",
        _("An experiment is settled"),
        _("“{title}” is settled: {verdict}. It can be decided."),
        "flask-conical",
        READERS,
        mailing=Mailing.AT_ONCE,
    ),
    NewsKind(
        "experiment_due",
        _("An experiment reaches its planned end"),
        _("“{title}” has reached its planned end. Decide, or extend it."),
        "alarm-clock",
        READERS,
    ),
    NewsKind(
        "review_due",
        _("Material is due for review"),
        _("“{title}” is due for review: is it still right?"),
        "file-text",
        READERS,
    ),
    NewsKind(
        "import_done",
        _("An import is done"),
        _("An import from {system} is done: {deals} deals."),
        "upload",
        MANAGERS,
    ),
)
KINDS: Mapping[str, NewsKind] = {kind.key: kind for kind in _KINDS}
_VERDICTS = {"better": _("better"), "worse": _("worse")}


def sentence_of(kind: str, values: Mapping[str, Any]) -> str:
    """The sentence for who reads now; of a kind that is gone its key."""
    found = KINDS.get(kind)
    if found is None:
        return kind
    told = dict(values)
    if "quarter" in told:
        told["quarter"] = formats.quarter(str(told["quarter"]))
    if "verdict" in told:
        told["verdict"] = _VERDICTS.get(str(told["verdict"]), told["verdict"])
    return str(found.sentence).format(**told)
