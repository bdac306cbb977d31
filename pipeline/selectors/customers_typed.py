"""Customers recognised by what is typed: the very one, those that begin so, those that are like it.

Two queries, whatever the number of customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.db.models import Case, Count, IntegerField, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pipeline.models import Customer, Deal
from pipeline.selectors.folded import Folded, either, every_word, fold, plain, words_of

SHOWN = 8
_CANDIDATES = 200
_LIKE = 0.8  # how alike two names must be to be taken for a slip of the finger
_SHORT = 3
# What stands around a company's name and tells no two of them apart.
_FORMS = frozenset(
    "ab ag as asbl bv co company corp corporation eurl gmbh group groupe holding inc"  # noqa: SIM905
    " incorporated kg limited llc llp ltd nv oy plc pty sa sarl sas se spa srl the".split()
)
EXACT, STARTS, HOLDS, LIKE = "exact", "starts", "holds", "like"
_RANKS = {EXACT: 0, STARTS: 1, HOLDS: 2, LIKE: 3}


@dataclass(frozen=True, slots=True)
class CustomerMatch:
    """A known customer. `how` it was recognised: exact, starts, holds or like."""

    id: int
    name: str
    how: str
    open_deals: int

    @property
    def note(self) -> str:
        """What is going on there already."""
        if not self.open_deals:
            return _("no open deal")
        said = ngettext("{n} open deal", "{n} open deals", self.open_deals)
        return said.format(n=self.open_deals)


def customers_typed(*, text: str, shown: int = SHOWN) -> tuple[CustomerMatch, ...]:
    """The customers that the typed text may mean, the likeliest first."""
    typed = fold(plain(text))
    words = words_of(text)
    if not words:
        return ()
    wanted = every_word(words, "folded")
    core = max(_core(typed), key=len)
    if len(core) >= _SHORT:
        # A slip late in the word, or another legal form, still begins alike.
        wanted |= either(core, "folded") | either(core[:_SHORT], "folded", lookup="startswith")
    place = Case(
        When(either(typed, "folded", lookup="exact"), then=Value(0)),
        When(either(typed, "folded", lookup="startswith"), then=Value(1)),
        When(every_word(words, "folded"), then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    rows = (
        Customer.objects.alias(folded=Folded("name"))
        .filter(wanted)
        .order_by(place, "name", "id")
        .values_list("id", "name")[:_CANDIDATES]
    )
    found = [(how, pk, name) for pk, name in rows if (how := _how(fold(name), typed, words))]
    found.sort(key=lambda row: (_RANKS[row[0]], fold(row[2]), row[1]))
    chosen = found[:shown]
    counts = _open_deals([pk for _how, pk, _name in chosen])
    return tuple(CustomerMatch(pk, name, how, counts.get(pk, 0)) for how, pk, name in chosen)


def _how(name: str, typed: str, words: Sequence[str]) -> str:
    if name == typed:
        return EXACT
    if name.startswith(typed):
        return STARTS
    if all(word in name for word in words):
        return HOLDS
    ours, theirs = " ".join(_core(typed)), " ".join(_core(name))
    if ours == theirs or SequenceMatcher(None, ours, theirs).ratio() >= _LIKE:
        return LIKE
    return ""


def _core(name: str) -> list[str]:
    """The words of a folded name that tell it apart; all of them where none would be left."""
    bare = "".join(c if c.isalnum() else " " for c in name.replace(".", "")).split()
    return [word for word in bare if word not in _FORMS] or bare or [name]


def _open_deals(ids: list[int]) -> dict[int, int]:
    if not ids:
        return {}
    rows = (
        Deal.objects.filter(customer_id__in=ids, outcome=Deal.Outcome.OPEN)
        .order_by()
        .values("customer_id")
        .annotate(n=Count("pk"))
    )
    return {row["customer_id"]: row["n"] for row in rows}
