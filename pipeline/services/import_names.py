"""The names of an import as rows: customers, reps, teams, products, sources, lost reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import models

from accounts.models import Company
from pipeline.importers.batch import Batch
from pipeline.models import Competitor, Customer, LostReason, Product, Rep, Source, Team
from pipeline.models.catalog import LossLevel
from pipeline.services import bulk


@dataclass(frozen=True, slots=True)
class Names:
    """Name -> id of everything that the deals of a batch are sorted by.

    `changed`: rows made or filled in. `sentences`: what stood against the file.
    """

    customers: Mapping[str, int]
    reps: Mapping[str, int]
    products: Mapping[str, int]
    sources: Mapping[str, int]
    reasons: Mapping[str, int]
    competitors: Mapping[str, int]
    changed: int
    sentences: tuple[str, ...]


def bring_names(batch: Batch, company: Company, reason_levels: Mapping[str, str]) -> Names:
    """Find every name of the batch, and make those that are missing.

    A rep is found by e-mail, too. The channel of a source and the team of a rep are filled in
    where they are unknown and kept where they are known.
    """
    deals = [planned.deal for planned in batch.deals]
    sentences: list[str] = []
    customers, made = _bring(company, Customer, "name", (d.customer for d in deals))
    changed = made
    products, made = _bring(company, Product, "name", (d.product for d in deals))
    changed += made
    competitors, made = _bring(company, Competitor, "name", (d.competitor for d in deals))
    changed += made
    levels = {text.strip().casefold(): level for text, level in reason_levels.items()}
    reasons, made = _bring(
        company,
        LostReason,
        "detail",
        (d.lost_reason for d in deals),
        {"level": lambda text: levels.get(text.casefold(), _level(text))},
    )
    changed += made
    sources, made = _bring(
        company,
        Source,
        "name",
        (planned.source for planned in batch.deals),
        {"channel": lambda name: batch.channels.get(name, "")},
    )
    changed += made + _fill_channels(batch, sentences)
    reps, made = _bring_reps(batch, company, sentences)
    changed += made
    return Names(
        customers, reps, products, sources, reasons, competitors, changed, tuple(sentences)
    )


def _level(text: str) -> str:
    """The first level of a lost reason where its text names it; unknown else."""
    plain = " ".join(text.casefold().replace("_", " ").split())
    if plain in ("competitor", "lost to competitor", "chose a competitor"):
        return LossLevel.COMPETITOR
    if plain in ("no decision", "no decision made"):
        return LossLevel.NO_DECISION
    return LossLevel.OTHER if plain == "other" else LossLevel.UNKNOWN


def _bring(
    company: Company,
    model: type[models.Model],
    column: str,
    names: Iterable[str],
    more: Mapping[str, object] | None = None,
) -> tuple[dict[str, int], int]:
    wanted = dict.fromkeys(name for name in names if name)
    ids: dict[str, int] = {}
    if not wanted:
        return ids, 0
    manager = model._default_manager
    for name, pk in manager.values_list(column, "pk").iterator(chunk_size=10_000):
        if name in wanted:
            ids[name] = pk
    missing = [name for name in wanted if name not in ids]
    if missing:
        extra = more or {}
        rows = [(name, *(make(name) for make in extra.values())) for name in missing]  # type: ignore[operator]
        made = bulk.insert_rows(model, company.pk, [column, *extra], rows)
        ids.update(zip(missing, made, strict=True))
    return ids, len(missing)


def _fill_channels(batch: Batch, sentences: list[str]) -> int:
    filled = 0
    for source in Source.objects.filter(name__in=list(batch.channels)):
        channel = batch.channels[source.name]
        if not channel or source.channel == channel:
            continue
        if source.channel:
            sentences.append(
                f"The source {source.name} stays {source.channel}; the import says {channel}."
            )
            continue
        source.channel = channel
        source.save(update_fields=["channel"])
        filled += 1
    return filled


def _bring_reps(batch: Batch, company: Company, sentences: list[str]) -> tuple[dict[str, int], int]:
    votes: dict[str, Counter[str]] = {}
    for planned in batch.deals:
        if planned.deal.rep:
            votes.setdefault(planned.deal.rep, Counter())[planned.deal.team] += 1
    teams, changed = _bring(
        company, Team, "name", (team for counts in votes.values() for team in counts)
    )
    team_of: dict[str, int | None] = {}
    for rep, counts in votes.items():
        named = [(team, count) for team, count in counts.items() if team]
        best = max(named, key=lambda item: (item[1], item[0]))[0] if named else ""
        team_of[rep] = teams.get(best)
        if len(named) > 1:
            sentences.append(f"{rep} stands in {len(named)} teams; {best} was taken.")
    ids: dict[str, int] = {}
    for found in Rep.objects.all():
        for key in (found.name, found.email):
            if key and key in votes and (key == found.name or key not in ids):
                ids[key] = found.pk
                if found.team_id is None and team_of[key] is not None:
                    found.team_id = team_of[key]
                    found.save(update_fields=["team"])
                    changed += 1
    missing = [rep for rep in votes if rep not in ids]
    if missing:
        rows = [(rep, rep if _is_email(rep) else "", team_of[rep]) for rep in missing]
        made = bulk.insert_rows(Rep, company.pk, ["name", "email", "team_id"], rows)
        ids.update(zip(missing, made, strict=True))
    return ids, changed + len(missing)


def _is_email(text: str) -> bool:
    name, at, host = text.partition("@")
    return bool(name and at and "." in host) and " " not in text
