"""The simulated company: the same again for a seed, true to its truth, untidy as told."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from math import sqrt
from zoneinfo import ZoneInfo

import pytest
from scipy.stats import fisher_exact

from metrics.calc.simulate import REPS, Simulation, simulate
from metrics.calc.simulate.world import Untidy

AS_OF = datetime(2026, 11, 23, 10, tzinfo=UTC)
TIDY = Untidy(
    jump=0, step_back=0, revived=0, late_entry=0, corrected=0, withdrawn=0, no_source=0,
    no_product=0, no_amount={"won": 0.0, "open": 0.0, "lost": 0.0}, no_reason=0,
    meeting_without_note=0,
)  # fmt: skip
REACHED = {"Call booked": 1, "Discovery held": 2, "Coach met": 3, "Customer": 4}
Z = 1.959963984540054


@cache
def northlight(seed: int = 27, as_of: datetime = AS_OF) -> Simulation:
    return simulate(seed=seed, as_of=as_of)


@cache
def tidy(seed: int) -> Simulation:
    return simulate(seed=seed, as_of=AS_OF, untidy=TIDY)


def paths_of(business: Simulation) -> dict[int, list[tuple[str, datetime]]]:
    """Each deal's moves in order; right for tidy records only, where none is corrected."""
    found: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    for move in business.moves:
        found[move.deal_id].append((move.to_stage or "", move.occurred_at))
    return {deal: sorted(path, key=lambda step: step[1]) for deal, path in found.items()}


def wilson(k: int, n: int) -> tuple[float, float]:
    middle, denominator = (k + Z * Z / 2) / (n + Z * Z), n + Z * Z
    half = Z / denominator * sqrt(k * (n - k) / n + Z * Z / 4)
    return middle - half, middle + half


def test_the_same_seed_and_instant_give_the_same_records():
    assert simulate(seed=27, as_of=AS_OF) == northlight()


def test_another_seed_gives_another_company():
    assert northlight(28).deals != northlight().deals


def test_a_later_day_of_the_same_quarter_only_adds():
    earlier = northlight(as_of=datetime(2026, 11, 2, 10, tzinfo=UTC))
    later = northlight()
    assert later.moves[: len(earlier.moves)] == earlier.moves
    assert len(later.moves) > len(earlier.moves)
    assert [(d.id, d.name) for d in later.deals[: len(earlier.deals)]] == [
        (d.id, d.name) for d in earlier.deals
    ]


def test_nothing_lies_after_as_of_and_ids_rise_with_recording():
    business = northlight()
    assert max(move.recorded_at for move in business.moves) < AS_OF
    assert max(move.occurred_at for move in business.moves) < AS_OF
    assert max(activity.occurred_at for activity in business.activities) < AS_OF
    recorded = [move.recorded_at for move in business.moves]
    assert recorded == sorted(recorded)
    assert [move.id for move in business.moves] == list(range(1, len(recorded) + 1))


def test_no_move_is_recorded_long_before_it_happens():
    assert all(move.occurred_at <= move.recorded_at for move in northlight().moves)


def test_an_instant_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        simulate(seed=1, as_of=datetime(2026, 11, 23))


def test_it_is_as_large_as_it_says():
    business = northlight()
    assert 2_700 <= len(business.deals) <= 3_300
    assert 850 <= len({deal.customer for deal in business.deals}) <= 1_000
    assert len(business.truth.quarter_starts) == 11
    assert {deal.rep for deal in business.deals} == {rep.name for rep in REPS}
    assert len(business.activities) > 3 * len(business.deals)


def test_of_a_hundred_booked_about_ninety_are_held_fifty_meet_the_coach_and_twenty_buy():
    reached: Counter[int] = Counter()
    opened = 0
    for seed in (27, 1, 2):
        for path in paths_of(tidy(seed)).values():
            if (AS_OF - path[0][1]).days > 200:  # long enough for nearly all to end
                opened += 1
                furthest = max(REACHED.get(stage, 0) for stage, _ in path)
                reached.update(range(1, furthest + 1))
    assert reached[2] / opened == pytest.approx(0.90, abs=0.03)
    assert reached[3] / opened == pytest.approx(0.52, abs=0.05)
    assert reached[4] / opened == pytest.approx(0.22, abs=0.04)


def exits(business: Simulation) -> Counter[tuple[str, int, int, bool]]:
    """(channel, position, quarter of entering, advanced?) -> deals, counted from the records."""
    zone, starts = ZoneInfo(business.timezone), business.truth.quarter_starts
    channels = {deal.id: deal.channel for deal in business.deals}
    counted: Counter[tuple[str, int, int, bool]] = Counter()
    for deal, path in paths_of(business).items():
        for (stage, at), (after, _) in pairwise(path):
            day = at.astimezone(zone).date()
            quarter = sum(1 for start in starts[1:-1] if day >= start)
            counted[channels[deal], REACHED[stage], quarter, after != "Lost"] += 1
    return counted


def test_intervals_around_what_is_counted_cover_the_truth():
    """Nine in ten at least: 95 % intervals, pooled over quarters of one truth."""
    covered = cells = 0
    for seed in (27, 3, 5, 8):
        business = tidy(seed)
        truth, counted = business.truth, exits(business)
        for channel in ("inbound", "outbound"):
            for position in (1, 2, 3):
                quarters = range(7)  # before the stage got worse, and all of them ended
                total = sum(truth.exits[channel, position, q] for q in quarters)
                true = (
                    sum(
                        truth.mean_chance[channel, position, q] * truth.exits[channel, position, q]
                        for q in quarters
                    )
                    / total
                )
                won = sum(counted[channel, position, q, True] for q in quarters)
                lost = sum(counted[channel, position, q, False] for q in quarters)
                low, high = wilson(won, won + lost)
                cells += 1
                covered += low <= true <= high
    assert cells == 24
    assert covered >= 22


def test_the_mean_chances_are_those_that_the_world_names():
    truth = northlight().truth
    for channel, named in truth.channels.items():
        for position in (1, 2, 3):
            seen = [truth.mean_chance[channel, position, q] for q in range(7)]
            assert sum(seen) / 7 == pytest.approx(named.chances[position - 1], abs=0.03)


def test_one_stage_got_clearly_worse_two_quarters_ago_and_no_other():
    business = northlight()
    assert business.truth.worse_since == business.truth.quarter_starts[7]
    counted = exits(tidy(27))
    chance = {}
    for position in (1, 2, 3):
        table = [
            [
                sum(
                    counted[channel, position, q, advanced]
                    for channel in ("inbound", "outbound")
                    for q in quarters
                )
                for advanced in (True, False)
            ]
            for quarters in (range(7, 10), range(3, 7))
        ]
        chance[position] = fisher_exact(table, alternative="less").pvalue
    assert chance[business.truth.worse_stage] < 1e-4
    assert min(chance[1], chance[2]) > 0.01


def test_inbound_and_outbound_are_clearly_different():
    business = northlight()
    paths = paths_of(tidy(27))
    won = {"inbound": [], "outbound": []}
    amounts = {"inbound": [], "outbound": []}
    for deal in tidy(27).deals:
        path = paths[deal.id]
        if path[-1][0] == "Customer":
            won[deal.channel].append((path[-1][1] - path[0][1]).days)
            amounts[deal.channel].append(deal.amount)
    volume = Counter(deal.channel for deal in business.deals)
    assert volume["inbound"] > 1.3 * volume["outbound"]
    assert len(won["inbound"]) > 2 * len(won["outbound"])
    mean = {channel: sum(days) / len(days) for channel, days in won.items()}
    assert mean["outbound"] > 1.6 * mean["inbound"]
    for channel, values in amounts.items():
        expected = business.truth.mean_amount[channel]
        assert sum(values) / len(values) == pytest.approx(expected, rel=0.12)


def test_records_are_untidy_in_every_way_that_was_asked_for():
    business = northlight()
    replaced = [move for move in business.moves if move.replaces is not None]
    assert 0.01 < len(replaced) / len(business.moves) < 0.05
    assert any(move.to_stage is None for move in replaced)
    late = sum(1 for m in business.moves if (m.recorded_at - m.occurred_at).days >= 1)
    assert 0.03 < late / len(business.moves) < 0.15
    jumps = sum(
        1 for m in business.moves if (m.from_stage, m.to_stage) == ("Call booked", "Coach met")
    )
    back = sum(
        1 for m in business.moves if (m.from_stage, m.to_stage) == ("Coach met", "Discovery held")
    )
    revived = sum(1 for m in business.moves if m.from_stage == "Lost" and m.replaces is None)
    assert min(jumps, back, revived) > 10
    for missing in ("amount", "source", "product"):
        share = sum(getattr(d, missing) is None for d in business.deals) / len(business.deals)
        assert 0.01 < share < 0.12, missing
    meetings = [a for a in business.activities if a.kind == "meeting"]
    silent = sum(a.note is None for a in meetings) / len(meetings)
    assert 0.2 < silent < 0.36
    assert any(rep.email is None for rep in REPS)
    assert any(not rep.has_login for rep in REPS)


def test_reasons_and_competitors_stand_with_lost_deals_only():
    replaced = {move.replaces for move in northlight().moves}
    last: dict[int, tuple[datetime, int, str | None]] = {}
    for move in northlight().moves:
        if move.id not in replaced and move.to_stage:
            key = (move.occurred_at, move.id, move.to_stage)
            last[move.deal_id] = max(last.get(move.deal_id, key), key)
    for deal in northlight().deals:
        if last[deal.id][2] != "Lost":
            assert deal.lost_reason is None
        assert deal.competitor is None or deal.lost_reason == "competitor"
    levels = Counter(deal.lost_reason for deal in northlight().deals)
    assert {"competitor", "no decision", "price", None} <= set(levels)


def test_texts_are_sentences_without_holes():
    texts = [a.subject for a in northlight().activities]
    texts += [a.note for a in northlight().activities if a.note]
    texts += [note.text for note in northlight().notes]
    for text in texts:
        assert text == text.strip()
        assert not re.search(r"[{}!—]|  ", text), text
        assert text[0].isupper(), text
    assert len(set(texts)) > 2_500


def test_truth_does_not_depend_on_how_records_are_kept():
    messy, clean = northlight().truth, tidy(27).truth
    assert messy.opened == clean.opened
    assert messy.rep_skill == clean.rep_skill
    assert replace(messy, mean_chance={}, exits={}) == replace(clean, mean_chance={}, exits={})
