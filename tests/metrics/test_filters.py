"""What a page's address asks, and what is said about what it asks wrongly."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.selectors.filters import (
    DIMENSIONS,
    Question,
    filters_for,
    question_from,
    segment_name,
    segment_parts,
    segment_text,
)

QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3")
SEGMENTS = ("all", "channel=inbound", "channel=outbound", "channel=unknown", "product=R&D",
            "channel=inbound&product=R&D", "rep=Ada")  # fmt: skip


def asked(query: str, **more: object) -> Question:
    return question_from(parse_qs(query, keep_blank_values=True), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "segment"),
    [
        ("", "all"),
        ("seg=all", "all"),
        ("seg=channel%3Dinbound", "channel=inbound"),
        ("seg=channel=inbound", "channel=inbound"),
        ("channel=inbound", "channel=inbound"),
        ("seg=channel%3Dinbound%26product%3DCourse", "channel=inbound&product=Course"),
        ("seg=channel=inbound&product=Course", "channel=inbound&product=Course"),
        ("product=Course&channel=inbound", "channel=inbound&product=Course"),
        ("channel=&source=&product=Course&rep=&team=", "product=Course"),
        ("seg=product%3DR%26D", "product=R&D"),
        ("seg=nonsense", "all"),
        ("seg=colour%3Dred", "all"),
    ],
)
def test_a_segment_can_be_named_whole_or_by_its_parts(query: str, segment: str) -> None:
    question = asked(query)
    assert question.segment == segment
    assert question.notices == ()


def test_a_third_filter_is_dropped_with_a_notice() -> None:
    question = asked("channel=inbound&product=Course&rep=Ada")
    assert question.segment == "channel=inbound&product=Course"
    assert "at most two" in question.notices[0]


def test_unknown_parameters_are_named_in_a_notice() -> None:
    question = asked("q=2026-Q3&utm_source=mail&at=2&zzz=1")
    assert question.quarter == "2026-Q3"
    assert question.notices == ("Not understood in the address, so left out: at, utm_source, zzz.",)


@pytest.mark.parametrize("at", ["x", "-1", "1.5", "99999999999999999999", "²", "٣"])
def test_a_stage_that_is_no_number_is_said_so(at: str) -> None:
    question = question_from({"at": [at]}, accepts=("at",))
    assert question.at is None
    assert question.notices


def test_an_unknown_unit_is_said_so() -> None:
    question = asked("unit=miles", accepts=("unit",))
    assert question.unit == "per100"
    assert question.notices


def test_the_last_of_repeated_parameters_holds() -> None:
    assert asked("q=2026-Q1&q=2026-Q2").quarter == "2026-Q2"


def test_hostile_text_stays_text() -> None:
    question = asked("seg=product%3D%00%3Cscript%3E&q=%00")
    assert question.segment == "product=<script>"
    assert question.quarter is None


def test_the_query_of_a_question_asks_the_same_question() -> None:
    question = Question("2026-Q3", "channel=inbound&product=R&D", "money", 2)
    again = asked(question.query()[1:], accepts=("unit", "at"))
    assert again == question
    assert Question().query() == "?"
    assert question.query(segment="all", unit="per100", at=None) == "?q=2026-Q3"


VALUE = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cf", "Co", "Cn", "Zs")),
    min_size=1,
    max_size=20,
).filter(lambda s: s.isprintable() and "&" not in s)


@given(st.dictionaries(st.sampled_from(DIMENSIONS), VALUE, min_size=1, max_size=2))
def test_names_and_parts_are_each_others_inverse(parts: dict[str, str]) -> None:
    name = segment_name(parts)
    assert segment_parts(name) == parts
    assert asked(Question(segment=name).query()[1:]).segment == name


def test_segments_for_people() -> None:
    assert segment_text("all") == "All deals"
    assert segment_text("channel=inbound&product=Course") == "Inbound · Course"
    assert segment_text("channel=unknown") == "No channel"
    assert segment_text("team=unknown") == "No team"


def filters(question: Question, **more: object):
    return filters_for(
        question=question,
        quarters=QUARTERS,
        statuses={"2026-Q3": "Running"},
        segments=SEGMENTS,
        **more,  # type: ignore[arg-type]
    )


def test_the_filter_row_marks_what_is_shown() -> None:
    row = filters(Question("2026-Q2", "channel=inbound"))
    assert (row.quarter, row.compared, row.segment) == ("Q2 2026", "vs Q1 2026", "Inbound")
    assert [c.text for c in row.quarters] == ["Q3 2026", "Q2 2026", "Q1 2026"]
    assert [c.current for c in row.quarters] == [False, True, False]
    assert row.quarters[0].hint == "Running"
    assert [(c.text, c.current) for c in row.chips] == [
        ("All deals", False),
        ("Inbound", True),
        ("Outbound", False),
    ]
    assert row.chips[0].href == "?q=2026-Q2"


def test_another_segment_gets_its_own_chip() -> None:
    row = filters(Question(None, "product=R&D"))
    assert [c.text for c in row.chips] == ["All deals", "Inbound", "Outbound", "R&D"]
    assert row.chips[-1].current
    assert row.quarter == "Q3 2026"


def test_the_picker_offers_what_has_figures() -> None:
    row = filters(Question("2026-Q3", "rep=Ada"))
    assert [(p.name, [c.value for c in p.choices]) for p in row.pickers] == [
        ("channel", ["", "inbound", "outbound", "unknown"]),
        ("product", ["", "R&D"]),
        ("rep", ["", "Ada"]),
    ]
    assert [c.value for c in row.pickers[2].choices if c.current] == ["Ada"]
    assert row.hidden == (("q", "2026-Q3"),)


def test_a_quarter_that_does_not_exist_is_shown_as_asked() -> None:
    row = filters(Question("2031-Q9"))
    assert row.quarter == "2031-Q9"
    assert row.compared == ""
    assert not any(c.current for c in row.quarters)


def test_without_a_quarter_there_is_still_a_row() -> None:
    row = filters_for(question=Question(), quarters=(), statuses={}, segments=())
    assert row.quarters == ()
    assert [c.text for c in row.chips] == ["All deals"]
