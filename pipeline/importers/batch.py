"""Several parsed files -> one batch: duplicates, stages, sources, and each deal's history.

Pure: what the company has already is handed in, what should be written is handed back.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.importers.grid import ImportRefused
from pipeline.importers.parsed import Finding, Options, ParsedDeal, ParsedFile, RejectedRow
from pipeline.importers.stages import KnownStage, StagePlan, plan_stages, stage_key

DEFAULT_PIPELINE = "Sales"
_CHANNELS: Mapping[str, str] = {
    "inbound": "inbound", "in": "inbound", "outbound": "outbound", "out": "outbound",
    "": "", "unknown": "",
}  # fmt: skip
# A spreadsheet turns `5-20` into a date and saves it as May-20.
_DAMAGED = re.compile(
    r"(?:\d{1,2}-)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:-\d{2})?", re.ASCII
)
_LINES_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """The deal came to this stage at this instant (UTC)."""

    stage: KnownStage
    at: datetime


@dataclass(frozen=True, slots=True)
class PlannedDeal:
    """A deal, its source as it will be named, and its history (empty: without dates)."""

    deal: ParsedDeal
    system: str
    pipeline: str
    source: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """All that an import would write, and all that it will not.

    `pipelines`: name -> its stages. `channels`: source name -> inbound, outbound or "".
    """

    files: tuple[ParsedFile, ...]
    deals: tuple[PlannedDeal, ...]
    rejected: tuple[RejectedRow, ...]
    findings: tuple[Finding, ...]
    pipelines: Mapping[str, StagePlan]
    channels: Mapping[str, str]


def plan_batch(
    files: Sequence[ParsedFile],
    options: Options,
    *,
    known: Mapping[str, Sequence[KnownStage]],
    told_order: Sequence[str] = (),
    pipeline: str | None = None,
) -> Batch:
    """Bring the deals of all files together.

    `known`: the company's pipelines, name -> stages, its first one first. `pipeline`: the one
    that all deals go to, whatever the files say. Raises ImportRefused.
    """
    findings = [finding for parsed in files for finding in parsed.findings]
    rejected = [row for parsed in files for row in parsed.rejected]
    kept, doubles = _latest_of_each(files)
    _refuse_histories(files)
    rejected += doubles
    default = pipeline or next(iter(known), DEFAULT_PIPELINE)
    names = {name.casefold(): name for name in known}
    grouped: dict[str, list[tuple[str, ParsedDeal]]] = {}
    for system, deal in kept:
        wanted = deal.pipeline if deal.pipeline and pipeline is None else default
        name = names.setdefault(wanted.casefold(), wanted)
        grouped.setdefault(name, []).append((system, deal))
    channels, source_of, source_findings = _sources([deal for _, deal in kept], options)
    findings += source_findings
    plans: dict[str, StagePlan] = {}
    planned: list[PlannedDeal] = []
    for name, deals in grouped.items():
        plan = plan_stages(
            [deal.stage for _, deal in deals], known=known.get(name, ()), told_order=told_order
        )
        plans[name] = plan
        by_key = plan.by_key()
        for system, deal in deals:
            if stage_key(deal.stage) in plan.unknown:
                rejected.append(_unknown_stage(deal, name))
                continue
            events = history_of(deal, plan=plan, stages=by_key)
            planned.append(PlannedDeal(deal, system, name, source_of[id(deal)], events))
    findings += _look_at([p.deal for p in planned], options)
    order = {parsed.name: n for n, parsed in enumerate(files)}
    rejected.sort(key=lambda row: (order.get(row.file, 0), row.line))
    return Batch(tuple(files), tuple(planned), tuple(rejected), tuple(findings), plans, channels)


def history_of(
    deal: ParsedDeal, *, plan: StagePlan, stages: Mapping[str, KnownStage]
) -> tuple[Event, ...]:
    """A deal's transitions as far as one row can tell them, in order; () without dates.

    The opening in the first stage is an assumption. Days that the file does not order (a stage
    change before the opening or after the closing) are drawn into the deal's life.
    """
    if deal.opened is None:
        return ()
    events = [Event(plan.first, deal.opened)]
    stood = stages.get(stage_key(deal.stage)) if deal.stage else None
    if stood is not None and stood != plan.first:
        at = max(deal.opened, deal.stage_since or deal.opened)
        if deal.closed is not None:
            at = min(at, deal.closed)
        events.append(Event(stood, at))
    if deal.closed is not None:
        events.append(Event(plan.terminal(deal.outcome), deal.closed))
    return tuple(events)


def _refuse_histories(files: Sequence[ParsedFile]) -> None:
    """A file in which most ids repeat tells changes, and would lose most of its rows here."""
    for parsed in files:
        ids = len({deal.external_id for deal in parsed.deals})
        if len(parsed.deals) >= 20 and ids * 2 < len(parsed.deals):
            raise ImportRefused(
                f"{parsed.name} has {len(parsed.deals):,} rows and {ids:,} ids: it looks like one "
                "row a change, not one row a deal. If not, name the id with --map 'id=Heading'."
            )


def _latest_of_each(
    files: Sequence[ParsedFile],
) -> tuple[list[tuple[str, ParsedDeal]], list[RejectedRow]]:
    """One row a deal: of rows with the same id the one updated last, else the last one."""
    best: dict[tuple[str, str], ParsedDeal] = {}
    lost: list[tuple[ParsedDeal, ParsedDeal]] = []
    for parsed in files:
        for deal in parsed.deals:
            key = (parsed.system, deal.external_id)
            other = best.get(key)
            if other is None:
                best[key] = deal
                continue
            if other.updated and deal.updated and other.updated > deal.updated:
                lost.append((deal, other))
            else:
                best[key] = deal
                lost.append((other, deal))
    rejected = []
    for deal, winner in lost:
        where = f"line {winner.line}"
        if winner.file != deal.file:
            where += f" of {winner.file}"
        why = "was updated later" if winner.updated and deal.updated else "comes later"
        reason = f"The id '{deal.external_id[:60]}' stands also in {where}, which {why} and holds."
        rejected.append(RejectedRow(deal.file, deal.line, "", reason, deal.cells))
    return [(system, deal) for (system, _), deal in best.items()], rejected


def _unknown_stage(deal: ParsedDeal, pipeline: str) -> RejectedRow:
    reason = (
        f"The pipeline {pipeline} has no stage '{deal.stage}'. "
        f"Map it: --stage-map '{deal.stage}=...'."
    )
    return RejectedRow(deal.file, deal.line, "stage", reason, deal.cells)


def _sources(
    deals: Sequence[ParsedDeal], options: Options
) -> tuple[dict[str, str], dict[int, str], list[Finding]]:
    """(source -> channel, id of a deal -> its source, findings).

    The channel belongs to the source. Where a file gives one source two channels, it is split
    into one source each; a deal with a channel and no source gets the channel as its source.
    """
    told = {name.strip().casefold(): channel for name, channel in options.channels.items()}
    seen: dict[str, set[str]] = {}
    strange: Counter[str] = Counter()
    of_deal: dict[int, tuple[str, str]] = {}
    for deal in deals:
        word = deal.channel.casefold()
        channel = _CHANNELS.get(word, "")
        if word not in _CHANNELS:
            strange[deal.channel] += 1
        source = deal.source or channel.capitalize()
        if source:
            seen.setdefault(source, set()).add(channel)
        of_deal[id(deal)] = (source, channel)
    channels: dict[str, str] = {}
    source_of: dict[int, str] = {}
    split = {source for source, found in seen.items() if len(found - {""}) > 1}
    for key, (source, channel) in of_deal.items():
        name = f"{source} ({channel or 'unknown'})" if source in split else source
        source_of[key] = name
        if name and not channels.get(name):
            by_name = source.casefold() if source.casefold() in ("inbound", "outbound") else ""
            channels[name] = told.get(source.casefold(), "") or channel or by_name
    findings = []
    for word, count in strange.most_common():
        sentence = (
            f"The channel '{word}' is neither inbound nor outbound: unknown ({count:,} rows)."
        )
        findings.append(Finding("channel", sentence))
    for source in sorted(split):
        sentence = f"The source '{source}' stands under both channels: split into one for each."
        findings.append(Finding("channel", sentence))
    missing = sorted(name for name, channel in channels.items() if not channel)
    if missing:
        sentence = (
            f"The channel of {counted(len(missing), 'source', 'sources')} is unknown: "
            f"{_few(missing)}. "
            "Say it once with --source-channel 'source=inbound'."
        )
        findings.append(Finding("channel_unknown", sentence))
    return channels, source_of, findings


def _look_at(deals: Sequence[ParsedDeal], options: Options) -> list[Finding]:
    """What went in and deserves a look: reported, not repaired."""
    findings = []
    for state, words in (
        ("open_without_opening", ("open deal has", "open deals have", "no opening day")),
        ("closed_without_opening", ("closed deal has", "closed deals have", "no opening day")),
        ("closed_without_closing", ("closed deal has", "closed deals have", "no closing day")),
    ):
        lines = tuple(deal.line for deal in deals if deal.no_history == state)
        if lines:
            sentence = (
                f"{counted(len(lines), words[0], words[1])} {words[2]}: kept without a history and "
                "counted in no figure."
            )
            if state == "open_without_opening":
                sentence += " Count them from a day of your choice with --open-undated-at."
            findings.append(Finding(state, sentence, lines[:_LINES_KEPT]))
    early = tuple(d.line for d in deals if d.stage_since and d.opened and d.stage_since < d.opened)
    if early:
        deals_word = counted(len(early), "deal", "deals")
        sentence = f"{deals_word} changed stage before the opening: taken as opened."
        findings.append(Finding("stage_before_opening", sentence, early[:_LINES_KEPT]))
    foreign = Counter(
        deal.currency
        for deal in deals
        if deal.amount is not None and deal.currency != options.company_currency
    )
    for currency, count in foreign.most_common():
        sentence = (
            f"{counted(count, 'amount is', 'amounts are')} in {currency}; the company counts in "
            f"{options.company_currency}. Without exchange rates these count as missing."
        )
        findings.append(Finding("currency", sentence))
    for field in ("customer", "rep", "product", "source", "lost_reason"):
        findings += _spellings(field, Counter(getattr(deal, field) for deal in deals))
    return findings


def _spellings(field: str, counts: Counter[str]) -> Iterable[Finding]:
    groups: dict[str, list[str]] = {}
    for text in counts:
        if text:
            groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    word = field.replace("_", " ")
    for names in groups.values():
        if len(names) > 1:
            best = max(names, key=lambda name: (counts[name], name))
            others = [name for name in sorted(names) if name != best]
            example = f"--rename '{field}:{others[0]}={best}'"
            sentence = (
                f"The {word} {_few([best, *others])} differ in case or blanks only and are kept "
                f"apart. To make them one: {example}."
            )
            yield Finding("spelling", sentence)
    damaged = sorted(text for text in counts if _DAMAGED.fullmatch(text))
    if damaged:
        sentence = (
            f"The {word} {_few(damaged)} look like values that a spreadsheet turned into dates."
        )
        yield Finding("damaged", sentence)


def counted(number: int, one: str, many: str) -> str:
    """A number with its word: 1 deal, 2,089 deals."""
    return f"{number:,} {one if number == 1 else many}"


def _few(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
