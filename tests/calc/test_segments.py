"""Names of segments, and that they are read back as they were meant."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.calc.history import DIMENSIONS
from metrics.calc.segments import FAMILIES, parse_segment, segment_index, segment_name
from tests.calc.companies import Company, Deal, as_history, path

TEXT = st.one_of(
    st.text(min_size=1, max_size=12),
    st.lists(
        st.sampled_from(["&", "=", "rep=", "&rep=", "&team=", "%26rep=", "%25", "26", "a", "%"]),
        min_size=1,
        max_size=5,
    ).map("".join),
).filter(lambda text: text.strip() == text and text)


def test_sixteen_families_in_the_fixed_order():
    assert len(FAMILIES) == 16
    assert FAMILIES[0] == ()
    assert FAMILIES[1:6] == tuple((d,) for d in ("channel", "source", "product", "rep", "team"))
    assert FAMILIES[6] == ("channel", "source")
    assert FAMILIES[-1] == ("rep", "team")


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([], "all"),
        ([("channel", "inbound")], "channel=inbound"),
        ([("product", "Course"), ("channel", "inbound")], "channel=inbound&product=Course"),
        ([("source", "R&D"), ("rep", "A=B")], "source=R&D&rep=A=B"),
        ([("source", "x&rep=y")], "source=x%26rep=y"),
    ],
)
def test_names(parts, name):
    assert segment_name(parts) == name
    assert sorted(parse_segment(name)) == sorted(parts)


@given(st.lists(st.tuples(st.sampled_from(DIMENSIONS), TEXT), max_size=2, unique_by=lambda p: p[0]))
def test_every_name_reads_back(parts):
    assert sorted(parse_segment(segment_name(parts))) == sorted(parts)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "everything",
        "channel",
        "channel=",
        "colour=red",
        "rep=A&channel=inbound",
        "rep=A&rep=B",
        "channel=a&source=b&rep=c",
        "channel=inbound&source=",
    ],
)
def test_what_is_no_segment(name):
    with pytest.raises(ValueError, match="no segment"):
        parse_segment(name)


def test_a_deal_is_in_sixteen_segments_and_equal_texts_are_one():
    attributes = {"channel": "inbound", "rep": "Ada"}
    company = Company(
        1,
        ZoneInfo("UTC"),
        tuple(Deal(n, path(n, ("2026-01-01", 1)), attributes=attributes) for n in (1, 2)),
    )
    history = as_history(company)
    # Two rows of the catalogue with one name, as two reps who are called the same
    history = history.take(np.array([0, 1]))
    object.__setattr__(history, "labels", {**history.labels, "rep": ("unknown", "Ada", " Ada ")})
    object.__setattr__(history, "rep", np.array([1, 2], np.int32))
    index = segment_index(history)
    assert index.size == 16
    assert len(set(index.names)) == 16
    assert "channel=inbound&rep=Ada" in index.names
    assert "source=unknown&product=unknown" in index.names
    assert index.roll_up(np.full((index.combinations, 1), 1.0))[:, 0].tolist() == [1.0] * 16


def test_no_deals_have_no_segments():
    assert segment_index(as_history(Company(1, ZoneInfo("UTC"), ()))).names == ()
