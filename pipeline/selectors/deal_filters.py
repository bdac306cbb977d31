"""What an address of the board or the list asks for, and the deals that it means.

Every choice is in the query string, so that a link is the question and a saved segment is a
link with a name. What is not understood is dropped, and said so in a notice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.db.models import (
    Case,
    CharField,
    DateField,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, ExtractMonth, ExtractYear
from django.utils.translation import gettext as _

from accounts.models import Company
from pipeline.models import (
    Customer,
    Deal,
    ExchangeRate,
    Pipeline,
    Product,
    Rep,
    Source,
    Stage,
    Team,
)

LATE = Decimal("1.25")  # past this many times the usual days a deal is late
VERY_LATE = Decimal("1.75")
NONE = "none"
ME = "me"
KEYED = ("rep", "team", "product", "source")  # filters by a row of the company
CHANNELS = ("inbound", "outbound", NONE)
STEPS = (NONE, "due")
STATES = ("open", "won", "lost", "all")
ORDERS = ("age", "step")
_AMOUNT_LIMIT = Decimal(10) ** 14
_TEXT_LENGTH = 100


@dataclass(frozen=True, slots=True)
class DealFilter:
    """The understood part of a query string. Empty text or None: any."""

    pipeline: int | None = None
    rep: str = ""  # an id, "me" or "none"; likewise the next three
    team: str = ""
    product: str = ""
    source: str = ""
    channel: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    text: str = ""
    late: bool = False
    step: str = ""  # "none": without a next step; "due": due today or before
    state: str = "open"
    since: date | None = None  # closed on that day or later

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the query string, in their fixed order, without what is default."""
        told = [
            ("pipeline", str(self.pipeline or "")),
            ("rep", self.rep),
            ("team", self.team),
            ("product", self.product),
            ("source", self.source),
            ("channel", self.channel),
            ("min", "" if self.least is None else format(self.least, "f")),
            ("max", "" if self.most is None else format(self.most, "f")),
            ("text", self.text),
            ("late", "1" if self.late else ""),
            ("step", self.step),
            ("state", "" if self.state == "open" else self.state),
            ("since", self.since.isoformat() if self.since else ""),
        ]
        return [(name, value) for name, value in told if value]

    def query(self, extra: Iterable[tuple[str, str]] = (), **changes: object) -> str:
        """ "?rep=3&late=1" of this filter with some answers changed, or "?"."""
        changed: DealFilter = replace(self, **changes)  # type: ignore[arg-type]
        return "?" + urlencode([*changed.pairs(), *extra])

    def by_worth(self) -> bool:
        """Whether it asks what a deal is worth, which only `valued` deals know."""
        return self.least is not None or self.most is not None

    def narrowed(self) -> bool:
        """Does it leave any deal of the pipeline's open ones out?"""
        return bool(replace(self, pipeline=None).pairs())


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a filter: what the address says, and what people read."""

    value: str
    text: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What the company's deals can be filtered by. `me` is the id of the reader's own rep."""

    pipelines: tuple[Option, ...]
    rows: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    me: int | None = None

    def text_of(self, name: str, value: str) -> str:
        """How a value of a keyed filter is read."""
        if value == ME:
            return _("Mine")
        return next((o.text for o in self.rows[name] if o.value == value), "")


def filter_options(*, membership_id: int | None) -> Options:
    """Pipelines, reps, teams, products and sources, in one query."""
    nothing = Value(None, output_field=CharField())
    parts = [
        Pipeline.objects.annotate(
            kind=Value("pipeline"), text=F("name"), place=F("position"), member=nothing
        ),
        Rep.objects.annotate(
            kind=Value("rep"),
            text=F("name"),
            place=Value(0),
            member=Cast("membership_id", CharField()),
        ),
        *(
            model.objects.annotate(kind=Value(kind), text=F("name"), place=Value(0), member=nothing)
            for kind, model in (("team", Team), ("product", Product), ("source", Source))
        ),
    ]
    shaped = [
        p.order_by().values_list("kind", "id", "text", "place", "member", "retired_at")
        for p in parts
    ]
    found: dict[str, list[tuple[tuple[object, ...], Option]]] = {}
    me = None
    for kind, pk, text, place, member, retired_at in shaped[0].union(*shaped[1:], all=True):
        option = Option(str(pk), text, retired_at is not None)
        found.setdefault(kind, []).append(((option.retired, place, text.casefold(), pk), option))
        if kind == "rep" and member is not None and member == str(membership_id):
            me = pk
    ordered = {
        kind: tuple(o for _key, o in sorted(rows, key=lambda r: r[0]))
        for kind, rows in found.items()
    }
    return Options(
        pipelines=ordered.get("pipeline", ()),
        rows={kind: ordered.get(kind, ()) for kind in KEYED},
        me=me,
    )


def deal_filter(
    query: Mapping[str, Sequence[str]], *, options: Options, accepts: Sequence[str] = ()
) -> tuple[DealFilter, tuple[str, ...]]:
    """Read a query string (name -> values): the filter, and notices of what was dropped.

    `accepts` names the parameters that the page itself understands, such as "sort". A row of
    another company is as unknown as one that does not exist.
    """
    read = _Reader(query)
    known = {"pipeline", *KEYED, "channel", "min", "max", "text", "late", "step", "state", "since"}
    dropped = sorted(set(query) - known - set(accepts))
    if dropped:
        names = ", ".join(_printable(name)[:40] for name in dropped[:5])
        read.notices.append(
            _("Not understood in the address, so left out: {names}.").format(names=names)
        )
    least, most = read.amount("min"), read.amount("max")
    if least is not None and most is not None and least > most:
        least, most = most, least
    chosen = {name: read.row(name, options) for name in KEYED}
    pipeline = read.one_of("pipeline", [o.value for o in options.pipelines])
    asked = DealFilter(
        pipeline=int(pipeline) if pipeline else None,
        channel=read.one_of("channel", CHANNELS),
        least=least,
        most=most,
        text=read.text("text")[:_TEXT_LENGTH],
        late=bool(read.one_of("late", ("1",))),
        step=read.one_of("step", STEPS),
        state=read.one_of("state", STATES) or "open",
        since=read.day("since"),
        **chosen,
    )
    return asked, tuple(read.notices)


def filter_of(query: str, *, options: Options) -> DealFilter:
    """The filter of a saved query string; what it no longer means is left out."""
    return deal_filter(parse_qs(query.removeprefix("?")), options=options)[0]


class _Reader:
    """One query string, read value by value; what cannot be read becomes a notice."""

    def __init__(self, query: Mapping[str, Sequence[str]]) -> None:
        self.query = query
        self.notices: list[str] = []

    def text(self, name: str) -> str:
        values = self.query.get(name) or [""]
        return _printable(values[-1]).strip()

    def _drop(self, name: str, value: str) -> None:
        said = _("There is no {name} “{value}”, so it was left out.")
        self.notices.append(said.format(name=filter_name(name), value=value[:40]))

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        value = self.text(name)
        if value and value not in allowed:
            self._drop(name, value)
            return ""
        return value

    def row(self, name: str, options: Options) -> str:
        value = self.text(name)
        if value == ME and name == "rep" and options.me is not None:
            return value
        return self.one_of(name, [NONE, *(o.value for o in options.rows[name])])

    def amount(self, name: str) -> Decimal | None:
        value = self.text(name)
        if not value:
            return None
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 <= amount < _AMOUNT_LIMIT:
            self._drop(name, value)
            return None
        return amount

    def day(self, name: str) -> date | None:
        value = self.text(name)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self._drop(name, value)
            return None


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not "\ud800" <= c <= "\udfff")


def filter_name(name: str) -> str:
    """A parameter's name for people."""
    names = {
        "pipeline": _("pipeline"),
        "rep": _("rep"),
        "team": _("team"),
        "product": _("product"),
        "source": _("source"),
        "channel": _("channel"),
        "min": _("least amount"),
        "max": _("largest amount"),
        "late": _("choice of age"),
        "step": _("choice of next step"),
        "state": _("state"),
        "since": _("day"),
    }
    return names.get(name, name)


@dataclass(frozen=True, slots=True)
class Context:
    """What conditions need besides the filter: the company, its day, its stages, whose "me"."""

    company: Company
    today: date
    stages: tuple[Stage, ...]
    me: int | None = None


def late_condition(*, context: Context) -> Q:
    """Longer in its stage than 1.25 times the days that are usual there."""
    last = []  # the last day of entry that is late, by stage
    for stage in context.stages:
        if stage.kind == Stage.Kind.OPEN and stage.usual_days is not None:
            newest = context.today.toordinal() - int(LATE * stage.usual_days) - 1
            last.append(When(stage_id=stage.pk, then=Value(date.fromordinal(max(1, newest)))))
    if not last:
        return Q(pk__in=[])
    # One comparison a deal: thousands are counted by this on every board.
    return Q(outcome=Deal.Outcome.OPEN, stage_entered_on__lte=Case(*last, output_field=DateField()))


def no_step_condition() -> Q:
    """Nobody has said what comes next."""
    return Q(next_step="", next_step_on=None)


def due_condition(*, today: date) -> Q:
    """The next step is due today or was before."""
    return Q(next_step_on__lte=today)


def valued(*, context: Context) -> Any:
    """The company's deals with their `worth`: the amount in the company's currency.

    At the company's own rate for the month of closing, of today's while a deal is open. NULL
    without an amount, or without a rate: never at a rate of 1.
    """
    money = DecimalField(max_digits=30, decimal_places=10)
    day = Coalesce("closed_on", Value(context.today), output_field=DateField())
    rate = ExchangeRate.objects.filter(
        currency=OuterRef("currency"),
        month__year=ExtractYear(OuterRef("rate_on")),
        month__month=ExtractMonth(OuterRef("rate_on")),
    ).values("rate")[:1]
    return Deal.objects.alias(rate_on=day).annotate(
        worth=Case(
            When(currency=context.company.currency, then=F("amount")),
            default=ExpressionWrapper(F("amount") * Subquery(rate), output_field=money),
            output_field=money,
        )
    )


def condition_of(asked: DealFilter, *, context: Context) -> Q:
    """The deals that a filter means, as a condition on `valued` deals; not its pipeline."""
    found = Q() if asked.state == "all" else Q(outcome=asked.state)
    for name, path in (
        ("rep", "rep_id"),
        ("team", "rep__team_id"),
        ("product", "product_id"),
        ("source", "source_id"),
    ):
        value = getattr(asked, name)
        if value == ME:
            found &= Q(rep_id=context.me)
        elif value == NONE:
            found &= Q(**{f"{path}__isnull": True})
        elif value:
            found &= Q(**{path: int(value)})
    if asked.channel == NONE:
        found &= Q(source_id=None) | Q(source__channel="")
    elif asked.channel:
        found &= Q(source__channel=asked.channel)
    if asked.least is not None:
        found &= Q(worth__gte=asked.least)
    if asked.most is not None:
        found &= Q(worth__lte=asked.most)
    if asked.text:
        customer = Customer.objects.filter(pk=OuterRef("customer_id"), name__icontains=asked.text)
        found &= Q(name__icontains=asked.text) | Q(Exists(customer))
    if asked.late:
        found &= late_condition(context=context)
    if asked.step == NONE:
        found &= no_step_condition()
    elif asked.step == "due":
        found &= due_condition(today=context.today)
    if asked.since is not None:
        found &= Q(closed_on__gte=asked.since)
    return found
