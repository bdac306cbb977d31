"""All decided experiments side by side: hit rate, hoped for against measured, forest, lasting."""

import math
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.charts import Estimate, Table
from metrics.charts.forest import Line, forest
from metrics.selectors.experiment_comparison import Comparison, experiment_comparison
from metrics.selectors.experiment_question import BookQuestion, book_question
from metrics.views.experiment_forest import forests
from tests.metrics.experiment_rows import BASE, TODAY, better, decided, of_cycle, put, result, worse
from tests.metrics.experiments import reading, sample_figures, side_figures, without_effect
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

STYLE = Style("en", "EUR")
COMPARE = f"{BASE}compare/"


def compared(workspace: Workspace, asked: BookQuestion | None = None) -> Comparison:
    with company_context(workspace.company.pk):
        return experiment_comparison(
            company=workspace.company,
            asked=asked or BookQuestion(),
            user_id=None,
            today=TODAY,
            style=STYLE,
        )


def some_decisions(workspace: Workspace) -> None:
    """Four adopted (two clearly better, one worse, one without figures), one dropped, one runs."""
    first = decided(workspace, better(), title="Won", decided_at=NOW - timedelta(days=200))
    result(workspace, first, better(effect=0.1), kind="follow_up")
    second = decided(workspace, better(effect=0.02), title="Small")
    result(workspace, second, worse(), kind="follow_up")
    decided(workspace, worse(), title="Against")
    decided(workspace, without_effect(), title="Unknown")
    decided(workspace, better(effect=0.2), title="Not taken", decision="stop")
    put(workspace, title="Runs")


def test_the_hit_rate_counts_adopted_changes_that_were_clearly_better(quiet_world: World) -> None:
    some_decisions(quiet_world.a)
    decided(quiet_world.b, better())
    found = compared(quiet_world.a)
    assert (found.decided, found.adopted, found.hits, found.worse) == (5, 4, 2, 1)
    # Of all five, the dropped one included: who adopts winners only is no better at choosing.
    assert (found.better, found.better_rate) == (3, "3 of 5")
    assert "95% 23 to 88%" in found.better_note  # Wilson, 3 of 5
    assert found.hit_rate == "2 of 4"  # too few for a percentage
    assert "95% 15 to 85%" in found.hit_note  # Wilson, 2 of 4
    assert found.lasted == "1 of 2"
    nobody = compared(quiet_world.a, BookQuestion(lever="deal_size"))
    assert (nobody.decided, nobody.hit_rate, nobody.lasted) == (0, "", "")
    assert (nobody.better, nobody.better_rate) == (0, "")
    assert "no hit rate" in nobody.hit_note


def test_hoped_for_against_measured_says_which_share_came(quiet_world: World) -> None:
    some_decisions(quiet_world.a)
    lines = {one.row.title: one for one in compared(quiet_world.a).compared}
    told = {
        t: (one.expected, one.measured, one.share, one.reached.value) for t, one in lines.items()
    }
    assert told["Won"] == ("+6.0 pts", "+12.0 pts", "200%", "reached")
    assert told["Small"] == ("+6.0 pts", "+2.0 pts", "33%", "partly")
    assert told["Against"] == ("+6.0 pts", "−15.0 pts", "−250%", "missed")
    assert told["Unknown"] == ("+6.0 pts", "", "", "")
    assert lines["Won"].lasted == "+10.0 pts"
    assert lines["Small"].lasted_word is not None
    assert lines["Small"].lasted_word.value == "worse"


def test_a_fall_is_hoped_for_and_measured_as_a_fall(quiet_world: World) -> None:
    decided(
        quiet_world.a, of_cycle(), measure="cycle", stage=None, rising=False, smallest_effect=4.0
    )
    ratio = sample_figures(
        primary=reading(
            replace(side_figures(0, 40), k=None, value=2.0),
            replace(side_figures(0, 40), k=None, value=2.5),
            measure="opened_per_week", stage=None, effect=1.25, interval=(0.9, 1.7),
            always_valid=(0.7, math.inf),
        )
    )  # fmt: skip
    decided(quiet_world.a, ratio, measure="number", stage=None, smallest_effect=0.2)
    found = compared(quiet_world.a)
    lines = {one.row.measure: one for one in found.compared}
    assert (lines["cycle"].expected, lines["cycle"].measured) == ("−4.0 days", "−3.0 days")
    assert lines["cycle"].share == "75%"
    assert (lines["number"].expected, lines["number"].measured) == ("+20.0%", "+25.0%")
    assert lines["number"].row.interval == "95%: at least −30.0%"
    charts = forests(found, style=STYLE)
    assert set(charts) == {"cycle_days", "opened_per_week"}
    assert charts["cycle_days"].table.raw[0][4:6] == (-math.inf, math.inf)
    assert charts["cycle_days"].table.rows[0][3] == "95%: no bound yet"


def test_a_forest_has_a_line_each_largest_first(quiet_world: World) -> None:
    some_decisions(quiet_world.a)
    found = compared(quiet_world.a)
    [group] = found.groups
    assert [row.title for row in group.rows] == ["Not taken", "Won", "Small", "Against"]
    assert [row.title for row in group.without] == ["Unknown"]
    chart = forests(found, style=STYLE)["passed_within"]
    drawing = dict(chart.drawings)["l"]
    assert drawing.count('class="i50"') == 4
    assert drawing.count('class="target"') == 4
    assert drawing.count('class="dot full"') == 4  # each verdict was conclusive
    assert "style" not in drawing


def test_what_has_no_end_stays_within_the_drawing() -> None:
    lines = (
        Line("Open", Estimate(1.2, -math.inf, math.inf, (0.9, 1.5), "+20%"), target=1.1),
        Line("No inner", Estimate(1.0, 0.8, 1.3, None, "0%"), conclusive=True),
        Line("A name that is much too long for the narrow drawing of a phone" * 2,
             Estimate(0.7, 0.6, 0.8, (0.65, 0.75), "−30%")),
    )  # fmt: skip
    chart = forest(
        name="f", title="T", reading="R", lines=lines, tick=lambda v: f"{v:.2f}", centre=1.0,
        table=Table((), (), (), ()),
    )  # fmt: skip
    for (_size, drawing), width in zip(chart.drawings, (300, 400, 600), strict=True):
        for x, wide in re.findall(r'x="([\d.-]+)" y="[\d.]+" width="([\d.]+)"', drawing):
            assert float(x) >= 0
            assert float(x) + float(wide) <= width
        assert "nan" not in drawing
        assert "inf" not in drawing
    assert forest(
        name="f", title="T", reading="", lines=(), tick=str, table=Table((), (), (), ())
    ).drawings == ()  # fmt: skip


def test_no_bar_is_cut_off_where_nothing_changed() -> None:
    """Cut off there, an interval that has no change in it would seem to leave it out."""
    for low, high in ((-0.06, 0.41), (-math.inf, math.inf), (-0.9, 0.41)):
        line = Line("Newsletter", Estimate(0.15, low, high, (0.03, 0.29), "+15%"), target=0.1)
        chart = forest(
            name="f", title="T", reading="R", lines=(line,), tick=lambda v: f"{v:.2f}",
            table=Table((), (), (), ()),
        )  # fmt: skip
        for _size, drawing in chart.drawings:
            [start] = re.findall(r'<rect x="([\d.-]+)"[^>]*class="i95"', drawing)
            [zero] = re.findall(r'<line x1="([\d.-]+)"[^>]*class="zero"', drawing)
            assert float(start) < float(zero) - 10


def test_the_page_shows_it_all_to_everybody(quiet_world: World) -> None:
    some_decisions(quiet_world.a)
    decided(quiet_world.b, better())
    for role in Role:
        answer = client_of(quiet_world.a.user(role)).get(COMPARE)
        assert answer.status_code == 200
        page = answer.content.decode()
        for part in (
            "2 of 4",
            "4 of them adopted",
            "1 adopted change was clearly worse",
            "Hoped for against measured",
            "Without an effect that can be told:",
            "Reached",
            "experiments.csv?state=decided",
            'class="target"',
        ):
            assert part in page, part
        assert CANARY not in page
        assert "Runs" not in page


def test_nothing_decided_and_nothing_found_are_two_sentences(quiet_world: World) -> None:
    asked = client_of(quiet_world.a.user(Role.LEADER))
    assert "Nothing was decided yet" in asked.get(COMPARE).content.decode()
    some_decisions(quiet_world.a)
    page = asked.get(f"{COMPARE}?lever=cycle").content.decode()
    assert "No decided experiment matches" in page
    assert "Conversion out of Held" in asked.get(f"{COMPARE}?lever=conversion").content.decode()


def test_a_question_reads_back_from_its_own_address() -> None:
    asked = BookQuestion("running", "cycle", 7, True, "channel=inbound&product=A&B")
    pairs = [pair.partition("=") for pair in asked.query()[1:].split("&")]
    assert [name for name, _equals, _value in pairs] == ["state", "lever", "owner", "mine", "seg"]
    assert book_question(
        {"state": ["running"], "lever": ["cycle"], "owner": ["7"], "mine": ["1"],
         "seg": ["channel=inbound&product=A&B"]}
    ) == asked  # fmt: skip
    assert book_question({}) == BookQuestion()
    assert not BookQuestion().narrowed
