"""What an import says at its end, in words: how it read the files, what went in, what did not,
what to look at, and what this kind of file cannot tell."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.importers import columns
from pipeline.importers.batch import Batch, counted
from pipeline.importers.parsed import ParsedFile

_SHOWN_ROWS = 10
_NOT_TOLD = {
    "hubspot": "the path of a deal, and the stage it stood in before it was closed",
    "salesforce": "the path of a deal, and the stage it stood in before it was closed",
    "pipedrive": "the path of a deal (the stage of a loss and the last stage change are told)",
    "file": "the path of a deal, and the stage it stood in before it was closed",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What an import changed, in rows of facts."""

    deals_new: int = 0
    deals_changed: int = 0
    deals_same: int = 0
    transitions: int = 0
    attributes: int = 0


def reading_lines(parsed: ParsedFile) -> list[str]:
    """How a file was read: format, columns, days, amounts."""
    mapped = parsed.columns
    lines = [
        f"{parsed.name}: {parsed.table.format.sentence()}",
        f"  recognised as {columns.FORMAT_NAMES[mapped.format]}; headings on line "
        f"{parsed.table.heading_line}; {len(parsed.table.rows) + len(parsed.table.broken):,} rows",
    ]
    told = dict.fromkeys(mapped.told)
    for name, position in sorted(mapped.positions.items(), key=lambda item: item[1]):
        mark = " (as told)" if name in told else ""
        lines.append(f"  column {position + 1} '{mapped.headings[position]}' -> {name}{mark}")
    lines += [f"  {line}" for line in parsed.how]
    if mapped.unused:
        unused = [f"'{mapped.headings[p]}'" for p in mapped.unused if mapped.headings[p]]
        if unused:
            more = f" and {len(unused) - 20} more" if len(unused) > 20 else ""
            lines.append(f"  not used: {', '.join(unused[:20])}{more}")
    lines += [f"  {note}" for note in (*parsed.table.notes, *mapped.notes)]
    return lines


def batch_lines(batch: Batch) -> list[str]:
    """What the files hold: stages, counts, rejected rows, findings, what is not told."""
    lines = []
    for name, plan in batch.pipelines.items():
        stages = " > ".join(stage.name for stage in plan.stages if stage.kind == "open")
        made = "stages made" if plan.created else "stages"
        lines.append(f"Pipeline {name}: {made} {stages}; {plan.how}")
    outcomes = Counter(planned.deal.outcome for planned in batch.deals)
    undated = Counter(planned.deal.outcome for planned in batch.deals if not planned.events)
    words = [
        f"{outcomes[outcome]:,} {outcome}"
        + (f" ({undated[outcome]:,} without dates)" if undated[outcome] else "")
        for outcome in ("won", "lost", "open")
    ]
    lines.append(f"{counted(len(batch.deals), 'deal', 'deals')}: {', '.join(words)}")
    open_stages = Counter(
        planned.deal.stage for planned in batch.deals if planned.deal.outcome == "open"
    )
    merged: Counter[str] = Counter()
    names: dict[str, str] = {}
    for stage, count in open_stages.items():
        merged[stage.casefold()] += count
        names.setdefault(stage.casefold(), stage)
    for plan in batch.pipelines.values():
        names.update({s.name.casefold(): s.name for s in plan.stages})
    for key, count in merged.most_common(20):
        without = sum(
            1
            for planned in batch.deals
            if planned.deal.outcome == "open"
            and not planned.events
            and planned.deal.stage.casefold() == key
        )
        more = f", {without:,} of them without dates" if without else ""
        lines.append(f"  open in {names[key] or 'the first stage'}: {count:,}{more}")
    for words_, empty in (
        ("customer", sum(1 for p in batch.deals if not p.deal.customer)),
        ("amount", sum(1 for p in batch.deals if p.deal.amount is None)),
    ):
        if empty:
            lines.append(f"  without {words_}: {empty:,}")
    lines += [f"Look at: {finding.sentence}{_lines(finding.lines)}" for finding in batch.findings]
    lines += _rejected_lines(batch)
    lines += assumptions(batch)
    return lines


def _rejected_lines(batch: Batch) -> list[str]:
    """The rows that do not go in, those of one reason together."""
    if not batch.rejected:
        return []
    groups: dict[tuple[str, str, str], list[int]] = {}
    for row in batch.rejected:
        groups.setdefault((row.file, row.column, row.reason), []).append(row.line)
    lines = [f"{counted(len(batch.rejected), 'row does', 'rows do')} not go in:"]
    for (file, column, reason), numbers in list(groups.items())[:_SHOWN_ROWS]:
        place = f", {column}" if column else ""
        where = f"line {numbers[0]}"
        if len(numbers) > 1:
            where = f"{len(numbers):,} rows, the first on line {numbers[0]}"
        lines.append(f"  {file}, {where}{place}: {reason}")
    if len(groups) > _SHOWN_ROWS:
        shown = sum(len(numbers) for numbers in list(groups.values())[:_SHOWN_ROWS])
        lines.append(f"  and {len(batch.rejected) - shown:,} more")
    return lines


def assumptions(batch: Batch) -> list[str]:
    """What the files do not tell, and what was assumed instead."""
    if not batch.deals:
        return []
    formats = dict.fromkeys(parsed.columns.format for parsed in batch.files)
    dated = sum(1 for planned in batch.deals if planned.events)
    lines = [f"Not told by this kind of file: {_NOT_TOLD[name]}." for name in formats]
    first = ", ".join(dict.fromkeys(plan.first.name for plan in batch.pipelines.values()))
    lines.append(
        f"Assumed: {counted(dated, 'deal was', 'deals were')} opened in the first stage "
        f"({first}). The path is unknown, so these deals count in velocity and are left out of "
        "funnel figures."
    )
    return lines


def _lines(lines: Iterable[int]) -> str:
    shown = list(lines)
    if not shown:
        return ""
    more = ", ..." if len(shown) > 5 else ""
    return f" (lines {', '.join(map(str, shown[:5]))}{more})"


def as_json(batch: Batch, written: Written) -> dict[str, Any]:
    """The report as it is kept with the import: counts and sentences, no cells."""
    outcomes = Counter(planned.deal.outcome for planned in batch.deals)
    return {
        "rows": sum(len(p.table.rows) + len(p.table.broken) for p in batch.files),
        "deals": len(batch.deals),
        "won": outcomes["won"],
        "lost": outcomes["lost"],
        "open": outcomes["open"],
        "without_dates": sum(1 for planned in batch.deals if not planned.events),
        "rejected": len(batch.rejected),
        "new": written.deals_new,
        "changed": written.deals_changed,
        "same": written.deals_same,
        "transitions": written.transitions,
        "attributes": written.attributes,
        "reading": [line for parsed in batch.files for line in reading_lines(parsed)],
        "findings": [finding.sentence for finding in batch.findings],
    }
