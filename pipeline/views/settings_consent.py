"""Before a change of settings, or of what deals are sorted by, restates closed quarters: which
ones, and how many deals."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from pipeline.forms.consent import ConsentForm
from pipeline.services.rewriting import Rewriting

_NAMED = 8  # more quarters than this are told by the first and the last


def must_ask(form: ConsentForm, plan: Rewriting) -> bool:
    """Must this form be shown again with a question first? Then it says what it would do, and
    its button sends `restate` (components/restates.html prints both)."""
    if not plan.quarters or form.agreed():
        return False
    form.restates = warning(plan)
    return True


def warning(plan: Rewriting) -> str:
    """What the change does to closed quarters, in two sentences."""
    deals = ngettext("{n} deal", "{n} deals", plan.deals).format(
        n=number_format(plan.deals, force_grouping=True)
    )
    said = ngettext(
        "This rewrites history: up to {deals} in {n} closed quarter, {quarters}. It gets a new"
        " version that says who changed what. The version before stays.",
        "This rewrites history: up to {deals} in {n} closed quarters, {quarters}. They get new"
        " versions that say who changed what. The versions before stay.",
        len(plan.quarters),
    )
    return said.format(deals=deals, n=len(plan.quarters), quarters=_quarters(plan.quarters))


def _quarters(labels: tuple[str, ...]) -> str:
    names = [formats.quarter(label) for label in labels]
    if len(names) > _NAMED:
        return _("{first} to {last}").format(first=names[0], last=names[-1])
    if len(names) == 1:
        return names[0]
    return _("{some} and {last}").format(some=", ".join(names[:-1]), last=names[-1])
