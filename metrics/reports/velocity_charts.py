"""From the rows of the Velocity page to its charts."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.charts import Chart, Event, Part, Point, Table, Total, line, waterfall
from metrics.selectors.marks import Flag
from metrics.selectors.velocity_page import Movement, TrendRow, VelocityPage


def velocity_charts(
    page: VelocityPage, *, style: Style, flags: Sequence[Flag] = ()
) -> dict[str, Chart]:
    """The page's charts by the name of their permalink; `flags` stand on the trend."""
    charts = {"trend": trend(page.trend, style=style, flags=flags)}
    if page.movement.steps:
        charts["levers"] = levers(page.movement, style=style)
    return charts


def trend(rows: tuple[TrendRow, ...], *, style: Style, flags: Sequence[Flag] = ()) -> Chart:
    """Velocity of the last quarters with its interval; a running one is hollow and dashed."""
    points = [
        Point(
            label=row.label,
            tip=f"{row.text}, {row.status}\n{row.velocity_text}"
            + (f"\n{row.interval_text}" if row.interval_text else ""),
            value=row.velocity,
            low=row.low,
            high=row.high,
            running=row.running,
        )
        for row in rows
    ]
    known = [row for row in rows if row.velocity is not None]
    reading = (
        _("From {first} in {start} to {last} in {end}.").format(
            first=known[0].velocity_text,
            start=known[0].text,
            last=known[-1].velocity_text,
            end=known[-1].text,
        )
        if known
        else ""
    )
    table = Table(
        head=(
            _("Quarter"),
            _("Status"),
            _("Velocity"),
            # xgettext:no-python-format
            _("95% interval"),
        ),
        rows=tuple((r.text, r.status, r.velocity_text, r.interval_text) for r in rows),
        raw_head=(
            "quarter",
            "status",
            "velocity_per_day",
            "interval_low",
            "interval_high",
            "number_of_deals",
            "win_rate",
            "average_deal_size",
            "cycle_days",
            "currency",
        ),
        raw=tuple(
            (
                r.quarter,
                "running" if r.running else "final",
                r.velocity,
                r.low,
                r.high,
                r.number,
                r.win_rate,
                r.amount,
                r.cycle,
                style.currency,
            )
            for r in rows
        ),
    )
    return line(
        name="trend",
        title=_("Velocity by quarter"),
        reading=reading,
        points=points,
        tick=lambda value: formats.money_short(value, style),
        table=table,
        height=200,
        from_zero=True,
        events=[Event(flag.index, flag.text, flag.short) for flag in flags],
    )


def levers(movement: Movement, *, style: Style) -> Chart:
    """From one quarter's velocity to the next; the parts add up to the difference."""
    parts = [
        Part(
            label=step.name,
            text=step.text,
            value=step.value,
            tip=f"{step.name}: {step.text}",
            better=step.better,
            short=formats.signed_money_short(step.value, style),
        )
        for step in movement.steps
    ]
    start = Total(
        movement.before_label,
        movement.before_text,
        movement.before or 0.0,
        f"{movement.before_label}: {movement.before_text}",
        formats.money_short(movement.before or 0.0, style),
    )
    end = Total(
        movement.after_label,
        movement.after_text,
        movement.after or 0.0,
        f"{movement.after_label}: {movement.after_text}",
        formats.money_short(movement.after or 0.0, style),
    )
    said = ", ".join(f"{step.name} {step.text}" for step in movement.steps)
    rows = [
        (start.label, start.text, start.value),
        *((step.name, step.text, step.value) for step in movement.steps),
        (end.label, end.text, end.value),
    ]
    return waterfall(
        name="levers",
        title=_("What moved velocity"),
        reading=_("From {before} to {after} per day: {levers}.").format(
            before=start.text, after=end.text, levers=said
        ),
        start=start,
        parts=parts,
        end=end,
        table=Table(
            head=(_("Lever"), _("Per day")),
            rows=tuple((name, text) for name, text, _value in rows),
            raw_head=("step", "value_per_day", "currency"),
            raw=tuple((name, value, style.currency) for name, _text, value in rows),
        ),
    )
