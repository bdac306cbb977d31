"""Are the stored quarters what they claim to be? Signatures, restatements, and a recount.

Three questions, each answered from other sources than the row itself: does a signature's hash
still fit the rows that it names; does a restatement differ from the version before it in just
the fields that it tells; and do the facts that were known when a version was stored give its
figures. `amount_open_at_end` of a restatement is that of the closing (docs/metrics.md).

How independent the recount is. Its own: which facts count (read row by row from the append-only
history, the changes of deals and the audit entries, cut at the version's time; no path cached on
a deal, no dirty mark, no digest of the publisher). Shared with publishing: how corrections make
a path (`pipeline.paths`), the arithmetic on the history (`metrics.calc`) and the comparison of
figures. A fault in the arithmetic would be in both; that is held against the golden company's
expected figures and a second implementation, not here.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.models import Company
from accounts.tenancy.context import company_context
from metrics.calc.calendar import Quarter, moment
from metrics.calc.figures import quarter_table
from metrics.calc.nothing import no_deals
from metrics.calc.stored import (
    DEFINITIONS,
    StoredFigures,
    changed_fields,
    from_json,
    keep_open_amount,
    to_json,
)
from metrics.calc.stored_rows import SegmentRows
from metrics.models import SignOff, Snapshot
from metrics.readers import basis_of
from metrics.selectors.sign_offs import named_rows, seal_of
from metrics.services.causes import Known
from metrics.services.recount import Cut, Facts, known_history, known_rates, read_facts

# A move says when it was asked for, a version when its computing began; which of two that meet
# was first is decided by locks. Within this time either order is right.
RACE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that does not fit: where, what was stored and what it should be."""

    what: str  # "signature", "versions", "restatement" or "recount"
    quarter: str
    version: int
    segment: str
    field: str
    stored: object
    expected: object


@dataclass(frozen=True, slots=True)
class Unproved:
    """A version that cannot be recounted, and why: it was computed by other definitions."""

    quarter: str
    version: int
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what does not fit."""

    signatures: int
    rows: int
    versions: int
    wrong: tuple[Wrong, ...]
    unproved: tuple[Unproved, ...]


def verify_snapshots(*, company_id: int, recount: bool = True, race: timedelta = RACE) -> Verified:
    """Check every signature and every final row of a company. Reads only.

    Without `recount` the figures are not computed again: quick, whatever the history.
    """
    with company_context(company_id), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
        company = Company.objects.get(pk=company_id)
        signatures = list(SignOff.objects.order_by("quarter_start", "pk"))
        wrong = [one for s in signatures for one in _signature(company, s)]
        rows, versions = 0, 0
        unproved: list[Unproved] = []
        facts: dict[int, Facts] = {}
        for pipeline_id, start in _final_quarters():
            quarter = _stored(pipeline_id, start)
            rows += sum(len(of) for of in quarter.values())
            versions += len(quarter)
            wrong += _numbers(quarter)
            wrong += _restatements(quarter)
            if recount:
                if pipeline_id not in facts:
                    facts[pipeline_id] = read_facts(company=company, pipeline_id=pipeline_id)
                for found in _recounted(company, pipeline_id, facts[pipeline_id], quarter, race):
                    if isinstance(found, Wrong):
                        wrong.append(found)
                    else:
                        unproved.append(found)
        return Verified(len(signatures), rows, versions, tuple(wrong), tuple(unproved))


def _final_quarters() -> list[tuple[int, date]]:
    found = Snapshot.objects.filter(status=Snapshot.Status.FINAL).order_by(
        "pipeline_id", "quarter_start"
    )
    return list(found.values_list("pipeline_id", "quarter_start").distinct())


# version -> segment -> row
Versions = Mapping[int, Mapping[str, Snapshot]]


def _stored(pipeline_id: int, start: date) -> Versions:
    found: dict[int, dict[str, Snapshot]] = defaultdict(dict)
    for row in Snapshot.objects.filter(
        pipeline_id=pipeline_id, quarter_start=start, status=Snapshot.Status.FINAL
    ).order_by("version", "segment"):
        found[row.version][row.segment] = row
    return dict(found)


def _signature(company: Company, sign_off: SignOff) -> Iterator[Wrong]:
    named = named_rows(company=company, sign_off=sign_off)
    there = {row.segment for row in named}
    for segment, version in sign_off.versions.items():
        if segment not in there:
            yield Wrong(
                "signature", sign_off.quarter_label, version, segment, "row", "none", "one row"
            )
    made = seal_of(sign_off.quarter_label, named)
    if made != sign_off.digest:
        version = max(sign_off.versions.values(), default=0)
        yield Wrong(
            "signature", sign_off.quarter_label, version, "", "digest", made, sign_off.digest
        )


def _numbers(versions: Versions) -> Iterator[Wrong]:
    """Versions are numbered from 1 without a gap: is one of them gone?"""
    one = next(iter(next(iter(versions.values())).values()))
    for number in range(1, max(versions)):
        if number not in versions:
            yield Wrong(
                "versions", one.quarter_label, number, "", "row", "none", "at least one row"
            )


def _restatements(versions: Versions) -> Iterator[Wrong]:
    """Does every restatement tell just the fields in which it differs from what stood before?"""
    state: dict[str, Snapshot] = {}
    for number, rows in versions.items():
        for segment, row in rows.items():
            if number > 1:
                before = state[segment].figures if segment in state else to_json(_nothing(row))
                told = {name: tuple(pair) for name, pair in row.cause.get("fields", {}).items()}
                for name, pair in changed_fields(before, row.figures).items():
                    if changed_fields({"": told.pop(name, None)}, {"": pair}):
                        yield Wrong(
                            "restatement", row.quarter_label, number, segment, name, pair[1],
                            "told as a changed field",
                        )  # fmt: skip
                for name in told:
                    yield Wrong(
                        "restatement", row.quarter_label, number, segment, name, "unchanged",
                        "changed, as it tells",
                    )  # fmt: skip
        state.update(rows)


def _recounted(
    company: Company, pipeline_id: int, facts: Facts, versions: Versions, race: timedelta
) -> Iterator[Wrong | Unproved]:
    """What of each version the facts of its time do not give."""
    state: dict[str, Snapshot] = {}
    closing: dict[str, Snapshot] = {}
    for number, rows in versions.items():
        state.update(rows)
        one = next(iter(rows.values()))
        if number == 1 or one.cause.get("reopened"):
            closing.update(rows)
        look = _Look(company, pipeline_id, facts, one, dict(state), dict(closing))
        if one.definitions["definitions"] != DEFINITIONS:
            why = f"it was computed by definitions {one.definitions['definitions']}"
            yield Unproved(one.quarter_label, number, why)
            continue
        wrong = look.wrong(one.computed_at)
        known = Known.of(one.known)
        if wrong and known is not None:
            # Its time may be that of a clock which was set back: later facts bear earlier times.
            wrong = min(wrong, look.wrong(known), key=len)
        if wrong and race:
            # What was asked for at the very time of computing may have come before it or after.
            low, high = one.computed_at - race, one.computed_at + race
            for cut in (low, *facts.instants(low, high)):
                if not look.wrong(cut):
                    wrong = []
                    break
        yield from wrong


@dataclass(frozen=True, slots=True)
class _Look:
    """A version of a quarter: `one` of its rows, what stands with it and how the quarter closed."""

    company: Company
    pipeline_id: int
    facts: Facts
    one: Snapshot
    state: Mapping[str, Snapshot]
    closing: Mapping[str, Snapshot]

    def wrong(self, cut: Cut) -> list[Wrong]:
        """What differs from the facts as they were known at `cut`."""
        one, company = self.one, self.company
        basis = basis_of(company=company, pipeline_id=self.pipeline_id, definitions=one.definitions)
        history = known_history(self.facts, cut=cut, stages=basis.stages, zone=basis.zone)
        quarter = Quarter(one.quarter_start, one.quarter_end, one.quarter_label)
        as_of = moment(one.as_of, basis.zone or company.zone)
        rates = known_rates(self.facts, cut=cut)
        counted = SegmentRows(quarter_table(history, quarter, as_of, rates))
        # A quarter without a deal in play has a row for `all`, which says so.
        segments: Sequence[str] = sorted({*self.state, *counted})
        made = counted.several([s for s in segments if s in counted])
        closes = one.version == 1 or one.cause.get("reopened")
        wrong = []
        for segment in segments:
            figures = made.get(segment) or _nothing(one)
            if not closes and segment in self.closing:
                figures = keep_open_amount(figures, from_json(self.closing[segment].figures))
            row = self.state.get(segment)
            stored: Any = row.figures if row is not None else to_json(_nothing(one))
            for name, (was, due) in changed_fields(stored, to_json(figures)).items():
                wrong.append(
                    Wrong("recount", one.quarter_label, one.version, segment, name, was, due)
                )
        return wrong


def _nothing(row: Snapshot) -> StoredFigures:
    return no_deals(
        stages=tuple(s["name"] for s in row.figures["stages"]), days=row.figures["days"]
    )
