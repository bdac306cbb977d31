"""The names of an import as rows: customers, reps, teams, products, sources, lost reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Company
from pipeline.importers.batch import Batch
from pipeline.models import Customer, Rep, Source
from pipeline.models.catalog import LossLevel
from pipeline.selectors.heirs import heirs
from pipeline.selectors.settings_catalogues import CATALOGUES, Catalogue
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

    The name of a merged row means the row that it went into. A retired one keeps its deals and
    stays retired, which is said. A rep is found by e-mail, too. The channel of a source and the
    team of a rep are filled in where they are unknown and kept where they are known.
    """
    deals = [planned.deal for planned in batch.deals]
    names = _Bringing(company)
    customers = names.bring_customers(d.customer for d in deals)
    products = names.bring("products", (d.product for d in deals))
    competitors = names.bring("competitors", (d.competitor for d in deals))
    levels = {text.strip().casefold(): level for text, level in reason_levels.items()}
    reasons = names.bring(
        "lost-reasons",
        (d.lost_reason for d in deals),
        {"level": lambda text: levels.get(text.casefold(), _level(text))},
    )
    sources = names.bring(
        "sources",
        (planned.source for planned in batch.deals),
        {"channel": lambda name: batch.channels.get(name, "")},
    )
    names.changed += _fill_channels(batch, sources, names.sentences)
    reps = names.bring_reps(batch)
    return Names(
        customers,
        reps,
        products,
        sources,
        reasons,
        competitors,
        names.changed,
        tuple(names.sentences),
    )


def _level(text: str) -> str:
    """The first level of a lost reason where its text names it; unknown else."""
    plain = " ".join(text.casefold().replace("_", " ").split())
    if plain in ("competitor", "lost to competitor", "chose a competitor"):
        return LossLevel.COMPETITOR
    if plain in ("no decision", "no decision made"):
        return LossLevel.NO_DECISION
    return LossLevel.OTHER if plain == "other" else LossLevel.UNKNOWN


class _Bringing:
    """Brings the names of one import; counts what it changes and keeps what is to be said."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.changed = 0
        self.sentences: list[str] = []

    def bring_customers(self, names: Iterable[str]) -> dict[str, int]:
        return self._named(Customer, "name", dict.fromkeys(name for name in names if name), {})

    def bring(
        self, slug: str, names: Iterable[str], more: Mapping[str, Any] | None = None
    ) -> dict[str, int]:
        """Name -> id in one of the catalogues, with merges followed."""
        catalogue = CATALOGUES[slug]
        wanted = dict.fromkeys(name for name in names if name)
        ids = self._named(catalogue.model, catalogue.naming, wanted, more or {})
        return self.follow(catalogue, ids)

    def follow(self, catalogue: Catalogue, ids: Mapping[str, int]) -> dict[str, int]:
        """The rows that stand for these now; says which names mean another or are retired."""
        retired = catalogue.model.objects.filter(pk__in=ids.values()).exclude(retired_at=None)
        if not retired.exists():
            return dict(ids)
        into = heirs(catalogue=catalogue)
        found = {name: into.get(pk, pk) for name, pk in ids.items()}
        rows = {row.pk: row for row in catalogue.model.objects.filter(pk__in=found.values())}
        for name, pk in sorted(ids.items()):
            row = rows[found[name]]
            if row.pk != pk:
                self.sentences.append(
                    _("{name} was merged into {heir}: its deals stand there.").format(
                        name=name, heir=catalogue.name_of(row)
                    )
                )
            if row.retired_at is not None:
                self.sentences.append(
                    _("{name} is retired and stays so; its deals stand under it.").format(
                        name=catalogue.name_of(row)
                    )
                )
        return found

    def _named(
        self, model: Any, column: str, wanted: Mapping[str, None], more: Mapping[str, Any]
    ) -> dict[str, int]:
        ids: dict[str, int] = {}
        if not wanted:
            return ids
        for name, pk in model.objects.values_list(column, "pk").iterator(chunk_size=10_000):
            if name in wanted:
                ids[name] = pk
        missing = [name for name in wanted if name not in ids]
        if missing:
            rows = [(name, *(make(name) for make in more.values())) for name in missing]
            made = bulk.insert_rows(model, self.company.pk, [column, *more], rows)
            ids.update(zip(missing, made, strict=True))
            self.changed += len(missing)
        return ids

    def bring_reps(self, batch: Batch) -> dict[str, int]:
        """Reps by name or e-mail address, each in the team that most of its deals name."""
        votes: dict[str, Counter[str]] = {}
        for planned in batch.deals:
            if planned.deal.rep:
                votes.setdefault(planned.deal.rep, Counter())[planned.deal.team] += 1
        teams = self.bring("teams", (team for counts in votes.values() for team in counts))
        team_of = {rep: self._team(rep, counts, teams) for rep, counts in votes.items()}
        ids: dict[str, int] = {}
        # Who is in use goes before a retired rep of the same address.
        reps = sorted(Rep.objects.all(), key=lambda rep: (rep.retired_at is not None, rep.pk))
        for rep in reps:
            for key in (rep.name, rep.email):
                if key and key in votes and (key == rep.name or key not in ids):
                    ids[key] = rep.pk
        ids = self.follow(CATALOGUES["reps"], ids)
        self._fill_teams(reps, ids, team_of)
        missing = [rep for rep in votes if rep not in ids]
        if missing:
            rows = [(rep, rep if _is_email(rep) else "", team_of[rep]) for rep in missing]
            made = bulk.insert_rows(Rep, self.company.pk, ["name", "email", "team_id"], rows)
            ids.update(zip(missing, made, strict=True))
            self.changed += len(missing)
        return ids

    def _team(self, rep: str, counts: Counter[str], teams: Mapping[str, int]) -> int | None:
        named = [(team, count) for team, count in counts.items() if team]
        best = max(named, key=lambda item: (item[1], item[0]))[0] if named else ""
        if len(named) > 1:
            self.sentences.append(f"{rep} stands in {len(named)} teams; {best} was taken.")
        return teams.get(best)

    def _fill_teams(
        self, reps: Iterable[Rep], ids: Mapping[str, int], team_of: Mapping[str, int | None]
    ) -> None:
        wanted = {pk: team_of[key] for key, pk in ids.items() if team_of[key] is not None}
        for rep in reps:
            if rep.team_id is None and rep.pk in wanted:
                rep.team_id = wanted[rep.pk]
                rep.save(update_fields=["team"])
                self.changed += 1


def _fill_channels(batch: Batch, sources: Mapping[str, int], sentences: list[str]) -> int:
    filled = 0
    rows = {row.pk: row for row in Source.objects.filter(pk__in=sources.values())}
    for name, channel in batch.channels.items():
        source = rows.get(sources.get(name, 0))
        if source is None or not channel or source.channel == channel:
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


def _is_email(text: str) -> bool:
    name, at, host = text.partition("@")
    return bool(name and at and "." in host) and " " not in text
