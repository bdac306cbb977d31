"""From the rows of the simulator to its charts and tables, with their permalinks' names."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.charts import Chart, Part, Table, Total, waterfall
from metrics.selectors.scenarios import ScenarioRow
from metrics.selectors.what_if_page import RankRow, WhatIfPage
from metrics.selectors.what_if_result import Result, ResultRow


def what_if_charts(
    page: WhatIfPage | None, scenarios: Sequence[ScenarioRow], *, style: Style
) -> dict[str, Chart]:
    """By name: `result` (a waterfall where there are parts), `ranking`, `scenarios`."""
    charts: dict[str, Chart] = {}
    if page is not None and page.result.rows:
        charts["result"] = _result(page.result, changed=page.changed, style=style)
    if page is not None and any(row.per_day is not None for row in page.ranking):
        charts["ranking"] = _ranking(page.ranking, style=style)
    if scenarios:
        charts["scenarios"] = _scenarios(scenarios, style=style)
    return charts


def _result(result: Result, *, changed: bool, style: Style) -> Chart:
    title = _("What if")
    total = result.rows[-1]
    table = Table(
        head=(_("Lever"), _("Today"), _("What if"), _("Part per day")),
        rows=tuple((r.name, r.today_text, r.after_text, r.part_text) for r in result.rows),
        raw_head=("lever", "today", "what_if", "part_per_day", "currency"),
        raw=(
            *((r.key, r.today, r.after, r.part, style.currency) for r in result.rows),
            ("money_for_quarter", None, result.money, None, style.currency),
        ),
    )
    reading = _("From {before} to {after} per day.").format(
        before=total.today_text, after=total.after_text
    )
    parts = _parts(result.rows)
    if not (changed and parts):
        return Chart("result", title, reading, table, ())
    return waterfall(
        name="result",
        title=title,
        reading=reading,
        start=_total(_("Today"), total.today, total.today_text, style),
        parts=[
            Part(
                label=row.name,
                text=row.part_text,
                value=row.part or 0.0,
                tip=f"{row.name}: {row.part_text}\n"
                f"{row.today_text} \N{RIGHTWARDS ARROW} {row.after_text}",
                better=row.better,
                short=formats.signed_money_short(float(round(row.part or 0.0)), style),
            )
            for row in parts
        ],
        end=_total(_("What if"), total.after, total.after_text, style),
        table=table,
        height=220,
    )


def _parts(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """The levers that were changed; stages in place of the win rate that they make up."""
    inner = any(row.inner for row in rows)
    return [
        row
        for row in rows
        if row.part is not None and not row.total and not (inner and row.key == "win_rate")
    ]


def _total(label: str, value: float | None, text: str, style: Style) -> Total:
    figure = value or 0.0
    return Total(
        label, text, figure, f"{label}: {text}", formats.money_short(float(round(figure)), style)
    )


def _ranking(rows: Sequence[RankRow], *, style: Style) -> Chart:
    return Chart(
        "ranking",
        _("Which lever is worth most"),
        "",
        Table(
            head=(_("Lever"), _("Step"), _("Worth")),
            rows=tuple((r.name, r.step, r.worth) for r in rows),
            raw_head=(
                "rank",
                "lever",
                "step",
                "worth_per_day",
                "best_usual_worth_per_day",
                "currency",
            ),
            raw=tuple(
                (r.rank, r.name, r.step, r.per_day, r.best_per_day, style.currency) for r in rows
            ),
        ),
        (),
    )


def _scenarios(rows: Sequence[ScenarioRow], *, style: Style) -> Chart:
    return Chart(
        "scenarios",
        _("Saved scenarios"),
        "",
        Table(
            head=(_("Name"), _("Owner"), _("What if")),
            rows=tuple((r.name, r.owner, r.result or r.reason) for r in rows),
            raw_head=(
                "name",
                "owner",
                "quarter",
                "pipeline",
                "segment",
                "changes",
                "velocity_today",
                "velocity_what_if",
                "change_per_day",
                "money_for_quarter",
                "currency",
                "remark",
                "not_computable",
            ),
            raw=tuple(
                (
                    r.name,
                    r.owner,
                    r.quarter,
                    r.pipeline_text,
                    r.segment,
                    "; ".join(r.changes),
                    r.before,
                    r.after,
                    r.per_day,
                    r.money,
                    style.currency,
                    r.remark,
                    r.reason,
                )
                for r in rows
            ),
        ),
        (),
    )
