"""Worries without material: what findings show at a stage and nothing in use helps with there."""

from collections import defaultdict
from dataclasses import dataclass

from accounts.formats import Style
from accounts.models import Company
from metrics.models import FindingDeal
from metrics.selectors.finding_rows import Writer, deals_text, writer_for
from metrics.selectors.findings import standing
from pipeline.models import Material

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """A theme at a stage. `elsewhere`: there is material for it, at other stages only."""

    theme_id: int
    theme: str
    stage_id: int
    stage: str
    findings: int
    deals: int
    deals_text: str
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps over the most deals first: the first `rows` of `total`. `known`: worries at all."""

    rows: tuple[Gap, ...]
    total: int
    known: int

    @property
    def more(self) -> int:
        """How many are not among the rows."""
        return self.total - len(self.rows)


def material_gaps(*, company: Company, style: Style, limit: int = SHOWN) -> Gaps:
    """The themes that standing findings use at a stage and that no material in use helps with.

    Material for any stage helps at each of them. A merged theme counts as what it went into, a
    retired stage as what replaced it. Six queries, whatever was found.
    """
    writer = writer_for(company=company, style=style)
    at: dict[int, tuple[int, int]] = {}
    found = standing().exclude(theme=None).order_by()
    for pk, theme_id, stage_id in found.values_list("pk", "theme_id", "stage_id"):
        theme = writer.themes.now(theme_id)
        if theme is not None:
            at[pk] = (theme, writer.stages.now(stage_id))
    deals: dict[tuple[int, int], set[int]] = defaultdict(set)
    links = FindingDeal.objects.filter(finding__in=found.values("pk")).order_by()
    for finding_id, deal_id in links.values_list("finding_id", "deal_id"):
        if finding_id in at:
            deals[at[finding_id]].add(deal_id)
    count: dict[tuple[int, int], int] = defaultdict(int)
    for place in at.values():
        count[place] += 1
    helped, anywhere, themes = _helped(writer)
    open_gaps = [
        Gap(
            theme_id=theme,
            theme=writer.themes.name(theme),
            stage_id=stage,
            stage=writer.stages.place(stage),
            findings=n,
            deals=len(deals[theme, stage]),
            deals_text=deals_text(len(deals[theme, stage]), style),
            elsewhere=theme in themes,
        )
        for (theme, stage), n in count.items()
        if (theme, stage) not in helped and theme not in anywhere
    ]
    open_gaps.sort(key=lambda gap: (-gap.deals, -gap.findings, gap.theme, gap.stage_id))
    return Gaps(tuple(open_gaps[:limit]), len(open_gaps), len(count))


def _helped(writer: Writer) -> tuple[set[tuple[int, int]], set[int], set[int]]:
    """(theme, stage) with material, themes with material for any stage, themes with any at all."""
    helped: set[tuple[int, int]] = set()
    anywhere: set[int] = set()
    rows = Material.objects.filter(retired_at=None).exclude(theme=None).order_by()
    themes: set[int] = set()
    for theme_id, stage_id in rows.values_list("theme_id", "stage_id"):
        theme = writer.themes.now(theme_id)
        if theme is None:
            continue
        themes.add(theme)
        if stage_id is None:
            anywhere.add(theme)
        else:
            helped.add((theme, writer.stages.now(stage_id)))
    return helped, anywhere, themes
