"""What an address of the list of findings asks for, and the findings that it means.

Every choice is in the query string, so that a link is the question. What is not understood is
left out and said so in a notice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from accounts.models import User
from metrics.models import Finding, FindingDeal
from metrics.selectors.finding_rows import SEVERITIES, severity_text
from metrics.selectors.finding_sources import SOURCES, source_of
from metrics.selectors.finding_stages import StageBook
from metrics.selectors.findings import of_segment
from pipeline.models import Deal
from pipeline.selectors.folded import Folded, every_word, plain, words_of
from pipeline.selectors.themes import ThemeBook

NONE = "none"
CHANNELS = ("inbound", "outbound", "unknown")
VIEWS = ("", "themes", "coverage")
SORTS = ("weight", "day", "-day", "stage", "theme", "deals")


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """The understood part of a query string. Empty text or None: any."""

    text: str = ""
    source: str = ""
    stage: str = ""  # an id
    theme: str = ""  # an id or "none"
    severity: str = ""
    author: str = ""  # a user's id
    channel: str = ""
    deal: str = ""  # an id
    pipeline: str = ""  # an id
    since: date | None = None
    until: date | None = None
    withdrawn: bool = False
    view: str = ""
    sort: str = "weight"

    @property
    def segment(self) -> str:
        """The segment whose deals are looked at."""
        return f"channel={self.channel}" if self.channel else "all"

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the query string, in their fixed order, without what is default."""
        told = [
            ("view", self.view),
            ("pipeline", self.pipeline),
            ("text", self.text),
            ("source", self.source),
            ("stage", self.stage),
            ("theme", self.theme),
            ("severity", self.severity),
            ("author", self.author),
            ("channel", self.channel),
            ("deal", self.deal),
            ("since", self.since.isoformat() if self.since else ""),
            ("until", self.until.isoformat() if self.until else ""),
            ("withdrawn", "1" if self.withdrawn else ""),
            ("sort", "" if self.sort == "weight" else self.sort),
        ]
        return [(name, value) for name, value in told if value]

    def query(self, extra: Sequence[tuple[str, str]] = (), **changes: object) -> str:
        """ "?source=call_review&stage=3" of this filter with some answers changed, or ""."""
        changed: FindingFilter = replace(self, **changes)  # type: ignore[arg-type]
        pairs = [*changed.pairs(), *extra]
        return "?" + urlencode(pairs) if pairs else ""

    def narrowed(self) -> bool:
        """Does it leave any finding out?"""
        return bool(replace(self, view="", sort="weight").pairs())


def finding_filter(
    query: Mapping[str, Sequence[str]], *, stages: StageBook, themes: ThemeBook
) -> tuple[FindingFilter, tuple[str, ...]]:
    """Read a query string (name -> values): the filter, and notices of what was dropped.

    A row of another company is as unknown as one that does not exist.
    """
    told = {name: plain(values[-1]) if values else "" for name, values in query.items()}
    notices: list[str] = []
    known = set(FindingFilter.__dataclass_fields__) | {"page"}
    dropped = ", ".join(plain(name)[:40] for name in sorted(set(told) - known)[:5])
    if dropped:
        notices.append(
            _("Not understood in the address, so left out: {names}.").format(names=dropped)
        )

    def choice(name: str, allowed: Any) -> str:
        value = told.get(name, "")
        if value and value not in allowed:
            notices.append(_left_out(name, value))
            return ""
        return value

    def day(name: str) -> date | None:
        value = told.get(name, "")
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            notices.append(_left_out(name, value))
            return None

    author, deal = told.get("author", ""), told.get("deal", "")
    since, until = day("since"), day("until")
    if since and until and since > until:
        since, until = until, since
    asked = FindingFilter(
        text=told.get("text", ""),
        source=choice("source", {*SOURCES, *_stored_sources(told.get("source", ""))}),
        stage=choice("stage", {str(pk) for pk in stages.stages}),
        theme=choice("theme", {NONE, *(str(pk) for pk in themes.names)}),
        severity=choice("severity", SEVERITIES),
        author=choice("author", {author} if _exists(Finding, "author_id", author) else ()),
        channel=choice("channel", CHANNELS),
        deal=choice("deal", {deal} if _exists(Deal, "pk", deal) else ()),
        pipeline=choice("pipeline", {str(s.pipeline_id) for s in stages.stages.values()}),
        since=since,
        until=until,
        withdrawn=bool(choice("withdrawn", ("1",))),
        view=choice("view", VIEWS),
        sort=choice("sort", SORTS) or "weight",
    )
    return asked, tuple(notices)


def _stored_sources(value: str) -> tuple[str, ...]:
    """A source that rows have though it is registered no longer."""
    return (value,) if value and Finding.objects.filter(source=value).exists() else ()


def _exists(model: Any, field: str, value: str) -> bool:
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        return False
    return bool(model.objects.filter(**{field: int(value)}).exists())


def _left_out(name: str, value: str) -> str:
    words = {
        "source": _("source"),
        "stage": _("stage"),
        "theme": _("theme"),
        "severity": _("severity"),
        "author": _("author"),
        "channel": _("channel"),
        "deal": _("deal"),
        "pipeline": _("pipeline"),
        "view": _("view"),
        "sort": _("order"),
    }
    said = _("There is no {name} “{value}”, so it was left out.")
    return said.format(name=words.get(name, _("day")), value=value[:40])


def matching(asked: FindingFilter, *, stages: StageBook, themes: ThemeBook) -> Any:
    """The findings that a filter means. Without `withdrawn` only those that stand."""
    found = Finding.objects.filter(withdrawn_at__isnull=not asked.withdrawn)
    if asked.source:
        found = found.filter(source=asked.source)
    if asked.stage:
        found = found.filter(stage_id__in=stages.same([int(asked.stage)]))
    if asked.theme == NONE:
        found = found.filter(theme=None)
    elif asked.theme:
        now = themes.now(int(asked.theme)) or 0
        found = found.filter(theme_id__in=themes.same(now))
    if asked.severity:
        found = found.filter(severity=asked.severity)
    if asked.author:
        found = found.filter(author_id=int(asked.author))
    if asked.pipeline:
        found = found.filter(pipeline_id=int(asked.pipeline))
    if asked.since:
        found = found.filter(learned_on__gte=asked.since)
    if asked.until:
        found = found.filter(learned_on__lte=asked.until)
    if asked.deal:
        tied = FindingDeal.objects.filter(finding_id=OuterRef("pk"), deal_id=int(asked.deal))
        found = found.filter(Exists(tied))
    if words := words_of(asked.text):
        found = found.alias(said=Folded("statement"), quoted=Folded("quote")).filter(
            every_word(words, "said", "quoted")
        )
    return of_segment(found, asked.segment)


@dataclass(frozen=True, slots=True)
class Picker:
    """One select of the filter form: (value, text) to choose from."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str

    @property
    def text(self) -> str:
        """The chosen value, for people."""
        return next((text for value, text in self.options if value == self.value), self.value)


def pickers(asked: FindingFilter, *, stages: StageBook, themes: ThemeBook) -> tuple[Picker, ...]:
    """The selects over the list: what can be chosen, and what is. One query, for the authors."""
    any_ = ("", _("Any"))
    places = [
        (s, pipeline)
        for pk, pipeline in stages.pipelines
        for s in stages.stages.values()
        if s.pipeline_id == pk and (s.position is not None or str(s.id) == asked.stage)
    ]
    several = len(stages.pipelines) > 1
    stage_options = tuple(
        (str(s.id), f"{pipeline}: {stages.place(s.id)}" if several else stages.place(s.id))
        for s, pipeline in places
    )
    sources = [*SOURCES, *({asked.source} - {"", *SOURCES})]
    in_use = [(str(pk), name) for pk, name in themes.in_use]
    if asked.theme not in ("", NONE, *(value for value, _name in in_use)):
        in_use.append((asked.theme, themes.names.get(int(asked.theme), "")))
    writers = User.objects.filter(
        pk__in=Finding.objects.order_by().values("author_id").distinct()
    ).order_by("name", "email")
    return (
        Picker(
            "source",
            _("How it was learned"),
            (any_, *((key, str(source_of(key).word)) for key in sources)),
            asked.source,
        ),
        Picker("stage", _("Stage"), (any_, *stage_options), asked.stage),
        Picker("theme", _("Theme"), (any_, *in_use, (NONE, _("No theme"))), asked.theme),
        Picker(
            "severity",
            _("Severity"),
            (any_, *((key, severity_text(key)) for key in SEVERITIES)),
            asked.severity,
        ),
        Picker("author", _("By"), (any_, *((str(u.pk), str(u)) for u in writers)), asked.author),
        Picker(
            "channel",
            _("Channel of its deals"),
            (
                any_,
                ("inbound", _("Inbound")),
                ("outbound", _("Outbound")),
                ("unknown", _("No channel")),
            ),
            asked.channel,
        ),
    )
