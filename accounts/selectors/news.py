"""What people are told, kind by kind: adding a kind is one entry.

`values` of a notification hold plain facts; the sentence is made when it is read, in the language
of who reads it. "quarter" holds a label such as 2026-Q1, "pipeline" a name where there are several.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import formats
from accounts.models import Mailing
from accounts.roles import MANAGERS, OVERSEERS, READERS, WRITERS, Role


@dataclass(frozen=True, slots=True)
class NewsKind:
    """One kind. `key` is what rows keep; `roles` who may be told of it; then the defaults.

    The key of a row begins with the id of a row in the table `about`, which a restored company
    has anew. A kind with a `wish` is a letter of its own that something is enclosed with: there
    is that one box to tick, and nothing to see in the product.
    """

    key: str
    title: str | Promise
    sentence: str | Promise
    icon: str
    roles: frozenset[Role]
    about: str
    shown: bool = True
    mailing: Mailing = Mailing.OFF
    wish: str | Promise = ""


_KINDS = (
    NewsKind(
        "quarter_final",
        _("A quarter becomes final"),
        _("{quarter} is final. Its review is ready to be read."),
        "lock",
        OVERSEERS,
        "pipeline.pipeline",
        mailing=Mailing.DIGEST,
    ),
    NewsKind(
        "quarter_review",
        _("The review of a quarter"),
        _("{quarter} is final. This is its review, as it stands now."),
        "file-text",
        OVERSEERS,
        "pipeline.pipeline",
        shown=False,
        wish=_("Send me the quarterly review as PDF when a quarter becomes final"),
    ),
    NewsKind(
        "quarter_restated",
        _("A final quarter is restated"),
        _("{quarter} was restated: {figures} figures changed. See what caused it."),
        "history",
        OVERSEERS,
        "pipeline.pipeline",
        mailing=Mailing.DIGEST,
    ),
    NewsKind(
        "signature_restated",
        _("What you signed is restated"),
        _("{quarter}, which you signed, was restated. What was signed stays as it was."),
        "circle-alert",
        MANAGERS,
        "pipeline.pipeline",
        mailing=Mailing.AT_ONCE,
    ),
    NewsKind(
        "danger_worse",
        _("A stage loses more than usual"),
        _("{stage} loses clearly more than usual in {quarter}: {lost} of {exits} lost."),
        "triangle-alert",
        WRITERS,  # who may own a danger point
        "pipeline.pipeline",
    ),
    NewsKind(
        "experiment_settled",
        _("An experiment is settled"),
        _("“{title}” is settled: {verdict}. It can be decided."),
        "flask-conical",
        READERS,
        "metrics.experiment",
        mailing=Mailing.AT_ONCE,
    ),
    NewsKind(
        "experiment_due",
        _("An experiment reaches its planned end"),
        _("“{title}” has reached its planned end. Decide, or extend it."),
        "alarm-clock",
        READERS,
        "metrics.experiment",
    ),
    NewsKind(
        "review_due",
        _("Material is due for review"),
        _("“{title}” is due for review: is it still right?"),
        "file-text",
        READERS,
        "pipeline.material",
    ),
    NewsKind(
        "import_done",
        _("An import is done"),
        _("An import from {system} is done: {deals} deals."),
        "upload",
        MANAGERS,
        "pipeline.importbatch",
    ),
)
KINDS: Mapping[str, NewsKind] = {kind.key: kind for kind in _KINDS}
ENCLOSED = tuple(kind.key for kind in _KINDS if kind.wish)
_VERDICTS = {"better": _("better"), "worse": _("worse")}
_WORDS = {
    ("channel", "inbound"): _("Inbound"),
    ("channel", "outbound"): _("Outbound"),
    ("channel", "unknown"): _("No channel"),
    ("source", "unknown"): _("No source"),
    ("product", "unknown"): _("No product"),
    ("rep", "unknown"): _("No rep"),
    ("team", "unknown"): _("No team"),
}


def sentence_of(kind: str, values: Mapping[str, Any]) -> str:
    """The sentence for who reads now; of a kind that is gone its key."""
    found = KINDS.get(kind)
    if found is None:
        return kind
    told = dict(values)
    if "quarter" in told:
        told["quarter"] = formats.quarter(str(told["quarter"]), str(told.get("pipeline", "")))
    if "segment" in told:
        told["stage"] = f"{told['stage']} ({_segment(told['segment'])})"
    if "verdict" in told:
        told["verdict"] = _VERDICTS.get(str(told["verdict"]), told["verdict"])
    return str(found.sentence).format(**told)


def _segment(parts: Mapping[str, str]) -> str:
    """A part of the deals by its dimensions: "Inbound, Course"; what has no value is told so."""
    return ", ".join(str(_WORDS.get((d, value), value)) for d, value in parts.items())


def workspace_of(slug: str) -> str:
    """The address that the paths of a company's news lead on from: "/w/alpha/"."""
    news = reverse("accounts:notification_list", kwargs={"company_slug": slug})
    return news.removesuffix("notifications/")
