"""One of every chart in every awkward state: what the golden drawings are made of."""

from metrics.charts import (
    Bar,
    Bin,
    Chart,
    Column,
    Estimate,
    Event,
    Level,
    Mark,
    Part,
    Point,
    Steps,
    Table,
    Total,
    bars,
    funnel,
    histogram,
    interval,
    line,
    step,
    waterfall,
)

TABLE = Table(("Quarter", "Value"), (("Q1", "1"),), ("quarter", "value"), (("2026-Q1", 1.0),))
LONG = "Rendez-vous de qualification téléphonique avec la direction financière"
HOSTILE = '</text><script>alert("x")</script>&\x00'


def whole(value: float) -> str:
    return f"{value:,.0f}"


def per_cent(value: float) -> str:
    return f"{value * 100:.0f}%"


def _line(values: list[float | None], **more: object) -> Chart:
    points = [Point(f"Q{i % 4 + 1} 2{i // 4 + 4}", f"tip {i}", v) for i, v in enumerate(values)]
    return line(
        name="line",
        title="Velocity",
        reading="It rises.",
        points=points,
        tick=whole,
        table=TABLE,
        **more,  # type: ignore[arg-type]
    )


def _waterfall(start: float, steps: list[float], label: str = "Win rate") -> Chart:
    end = start + sum(steps)
    return waterfall(
        name="levers",
        title="What moved velocity",
        reading="Up.",
        start=Total("Q2 2026", whole(start), start, "Q2", "3T"),
        parts=[Part(label, f"{v:+,.0f}", v, f"part {v}", v >= 0) for v in steps],
        end=Total("Q3 2026", whole(end), end, "Q3"),
        table=TABLE,
    )


def _column(label: str, level: float, lost: float, pending: float, tone: str) -> Column:
    return Column(label, f"{level * 100:.0f}", level, lost, pending, tone, f"{label} tip", "note")


def _funnel(columns: list[Column]) -> Chart:
    return funnel(name="funnel", title="Funnel", reading="100 to 20.", columns=columns, table=TABLE)


def _interval(estimate: Estimate, **more: object) -> Chart:
    return interval(
        name="interval",
        title="Change",
        reading="Likely better.",
        estimate=estimate,
        tick=per_cent,
        table=TABLE,
        **more,  # type: ignore[arg-type]
    )


def _bars(rows: list[Bar]) -> Chart:
    return bars(name="reasons", title="Reasons", reading="Price.", rows=rows, table=TABLE)


def _step(curves: list[Steps]) -> Chart:
    return step(
        name="open",
        title="Open longer than",
        reading="Half after 30 days.",
        curves=curves,
        day=lambda d: f"{d:.0f} d",
        share=per_cent,
        table=TABLE,
    )


def _histogram(counts: list[int], usual: float | None = None) -> Chart:
    bins = [Bin(10.0 * i, 10.0 * i + 10, n, f"{n} deals") for i, n in enumerate(counts)]
    return histogram(
        name="ages",
        title="Age",
        reading="Most under 60.",
        bins=bins,
        tick=lambda d: f"{d:.0f} d",
        table=TABLE,
        usual=usual,
        usual_text="usual 45 d",
    )


def specimens() -> dict[str, Chart]:
    """name of the golden file -> chart."""
    banded = [
        Point("Q1 26", "one", 10.0, 8.0, 12.0),
        Point("Q2 26", "two", None),
        Point("Q3 26", "three", 14.0, 9.0, 19.0),
        Point("Q4 26", "four", 15.0, 11.0, 21.0, running=True),
    ]
    return {
        "line": _line([6100, 6500, 6350, 6900, 7200, 7000, 7182, 8466]),
        "line-gap-band-running": line(
            name="line",
            title="Velocity",
            reading="Gap.",
            points=banded,
            tick=whole,
            table=TABLE,
            from_zero=True,
        ),
        "line-events": _line(
            [17.0, 15.0, 16.0, 18.0, 21.0, 24.0],
            events=[Event(3, "Start 10 Aug")],
            levels=[Level(16.3, "Before 16.3%"), Level(22.0, "Target 22%", first=3, target=True)],
        ),
        "line-beside": _line(
            [17.0, 15.0, None, 18.0], beside=[14.0, 13.0, None, 15.0], events=[Event(0, "Start")]
        ),
        "line-empty": _line([]),
        "line-none": _line([None, None]),
        "line-one": _line([42.0]),
        "line-zero": _line([0.0, 0.0, 0.0]),
        "line-huge": _line([1.2e14, 9.9e14, 4e14]),
        "line-hostile": line(
            name="line",
            title=HOSTILE,
            reading=HOSTILE,
            points=[Point(HOSTILE, HOSTILE, 1.0), Point(LONG, LONG, 2.0)],
            tick=whole,
            table=TABLE,
        ),
        "waterfall": _waterfall(7182, [297, 880, -156, 262]),
        "waterfall-unbroken": _waterfall(100, [500, -20, 10]),
        "waterfall-still": _waterfall(500, [0, 0, 0, 0]),
        "waterfall-huge": _waterfall(3e12, [1e12, -5e11]),
        "waterfall-long": _waterfall(900, [100, -40], label=LONG),
        "waterfall-hostile": _waterfall(900, [100], label=HOSTILE),
        "funnel": _funnel(
            [
                _column("Call booked", 1.0, 0.1, 0.0, "healthy"),
                _column("Discovery held", 0.9, 0.4, 0.0, "watch"),
                _column("Coach met", 0.5, 0.2, 0.1, "danger"),
                _column("Won", 0.2, 0.0, 0.0, "won"),
            ]
        ),
        "funnel-empty": _funnel([_column("Call booked", 0.0, 0.0, 0.0, "too_few")]),
        "funnel-one": _funnel([_column("Call booked", 1.0, 1.0, 0.0, "danger")]),
        "funnel-long": _funnel(
            [_column(LONG, 1.0, 0.3, 0.2, "watch"), _column(HOSTILE, 0.5, 0, 0, "won")]
        ),
        "bars": _bars([Bar("No decision", "26", 26, "tip"), Bar("Price", "14", 14, "tip")]),
        "bars-usual": _bars([Bar("Price", "14", 14, "tip", usual=15, usual_text="15")]),
        "bars-empty": _bars([]),
        "bars-zero": _bars([Bar("Price", "0", 0, "tip")]),
        "bars-long": _bars([Bar(LONG, "1,000,000,000", 1e9, "tip"), Bar(HOSTILE, "1", 1, "tip")]),
        "interval": _interval(
            Estimate(0.077, -0.048, 0.204, (0.034, 0.121), "+7.7", "−4.8", "+20.4"),
            marks=(Mark(0.06, "Target +6", target=True),),
            zero=True,
        ),
        "interval-always": _interval(
            Estimate(2.0, -1.0, 5.0, (1.0, 3.0), "+2", "−1", "+5", outer=(-3.0, 7.5)),
            zero=True,
        ),
        "interval-unbounded": _interval(
            Estimate(2.0, -1.0, 5.0, (1.0, 3.0), "+2", "−1", "+5", outer=(-40.0, float("inf"))),
            zero=True,
        ),
        "interval-rate": _interval(
            Estimate(1.0, 0.61, 1.0, None, "100%", "61%", "100%"),
            marks=(Mark(0.97, "usual 97%"),),
            bounds=(0.0, 1.0),
        ),
        "interval-point": _interval(Estimate(0.0, 0.0, 0.0, None, "0", "0", "0")),
        "step": _step(
            [
                Steps("Outbound", ((5, 0.9), (20, 0.6), (60, 0.3)), (30, 70)),
                Steps("Inbound", ((4, 0.7), (15, 0.4), (40, 0.1)), (), "c4"),
            ]
        ),
        "step-empty": _step([Steps("Outbound", ())]),
        "step-one": _step([Steps("Outbound", ((0, 0.0),))]),
        "histogram": _histogram([12, 17, 20, 28, 34, 29, 22, 13, 8], usual=45),
        "histogram-empty": _histogram([]),
        "histogram-zero": _histogram([0, 0, 0]),
        "histogram-one": _histogram([3]),
        "histogram-huge": _histogram([10**12, 1], usual=1e9),
    }
