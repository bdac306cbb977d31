"""Signatures of a quarter, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.selectors.quarters_causes import moment_text
from metrics.selectors.sign_offs import RestatedSince, SignedOff


@dataclass(frozen=True, slots=True)
class SignatureText:
    """One signature as the card prints it; `since` says what was restated after it, or "".

    `version_url` opens the quarter in the version that was signed.
    """

    line: str
    comment: str
    second: str
    second_comment: str
    since: str
    version: str
    version_url: str
    restated: tuple[tuple[str, str], ...]  # (what, address of that version)
    digest: str


def signature_texts(
    signed: Sequence[SignedOff], *, quarter_url: str, style: Style
) -> tuple[SignatureText, ...]:
    """The signatures of one quarter, the newest first."""
    return tuple(_text(one, quarter_url, style) for one in signed)


def _text(one: SignedOff, quarter_url: str, style: Style) -> SignatureText:
    versions = f"{quarter_url}{'&' if '?' in quarter_url else '?'}v="
    second = ""
    if one.countersigned_at is not None:
        second = _("Countersigned by {name} on {day}").format(
            name=one.countersigned_by, day=moment_text(one.countersigned_at, style)
        )
    since = ""
    if one.restated:
        since = ngettext(
            "Restated {n} time since it was signed. What was signed stays as it was.",
            "Restated {n} times since it was signed. What was signed stays as it was.",
            len(one.restated),
        ).format(n=formats.number(len(one.restated), style))
    return SignatureText(
        line=_("Signed by {name} on {day}").format(name=one.by, day=moment_text(one.at, style)),
        comment=one.comment,
        second=second,
        second_comment=one.countersigned_comment,
        since=since,
        version=_("The figures that were signed") if one.restated else _("The signed figures"),
        version_url=f"{versions}{one.version}",
        restated=tuple(
            (_restated(later, style), f"{versions}{later.version}") for later in one.restated
        ),
        digest=one.digest,
    )


def _restated(later: RestatedSince, style: Style) -> str:
    return ngettext(
        "Restatement {number} on {day}: {n} segment",
        "Restatement {number} on {day}: {n} segments",
        later.segments,
    ).format(
        number=formats.number(later.version - 1, style),
        day=moment_text(later.at, style),
        n=formats.number(later.segments, style),
    )
