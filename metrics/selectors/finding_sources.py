"""How something can be learned: the registry of a finding's sources. One entry a kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class FindingSource:
    """A kind of source. `key` is what rows keep; never change it once rows have it.

    `method`: a way to look, so that a stage without one is a gap in the coverage grid.
    """

    key: str
    word: Any
    icon: str
    how: Any
    method: bool = True


_KINDS = (
    FindingSource(
        "call_review",
        _("Call review"),
        "phone",
        _("Listen to a call, or read its note, with the questions of the sheet beside you."),
    ),
    FindingSource(
        "email_review",
        _("E-mail review"),
        "mail",
        _("Read what was written: what was asked, and was it answered?"),
    ),
    FindingSource(
        "customer_interview",
        _("Customer interview"),
        "message-circle",
        _("Ask who bought: what moved you forward, what nearly stopped you?"),
    ),
    FindingSource(
        "lost_interview",
        _("Lost-prospect interview"),
        "user-x",
        _("Ask who did not buy: competitor or no decision, and what would have changed it?"),
    ),
    FindingSource(
        "material_review",
        _("Material review"),
        "file-text",
        _("Read what buyers are given at this stage as if you were one of them."),
    ),
    FindingSource(
        "win_loss_note",
        _("Win/loss note"),
        "trophy",
        _("Read what was noted when deals were won or lost, and what they have in common."),
    ),
    FindingSource(
        "other",
        _("Other"),
        "flag",
        _("Learned in another way; say how in the quote."),
        method=False,
    ),
)
SOURCES: Mapping[str, FindingSource] = {kind.key: kind for kind in _KINDS}


def source_of(key: str) -> FindingSource:
    """The kind of a row. One that is registered no longer is shown by its key."""
    return SOURCES.get(key) or FindingSource(key, key.replace("_", " "), "flag", "", method=False)
