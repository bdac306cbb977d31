"""What the open deals are expected to bring, beside the board's plain figures."""

from dataclasses import replace

from accounts.formats import Style
from accounts.roles import Role
from metrics.selectors.stock import expected_of, facts_of
from tests.metrics.figures import figures
from tests.personas import World, client_of

STYLE = Style("en", "EUR")
BOARD = "/w/alpha/deals/"
EXPECTED = "/w/alpha/deals/expected/"
HX = {"HX-Request": "true"}


def test_it_is_the_weighted_pipeline_of_the_running_quarter() -> None:
    running = replace(figures(), status="running")
    found = expected_of(running, STYLE)
    assert found is not None
    assert (found.term, found.figure) == ("Expected, at your own rates", "€90,000")
    assert found.note == "2 deals without amount or chance left out"
    [weighted] = [f for f in facts_of(running, STYLE) if f.anchor == "weighted-pipeline"]
    assert (weighted.figure, weighted.note) == (found.figure, found.note)


def test_there_is_none_without_chances_or_of_a_quarter_that_is_over() -> None:
    running = replace(figures(), status="running")
    assert expected_of(replace(running, weighted_pipeline=None), STYLE) is None
    assert expected_of(replace(running, status="final"), STYLE) is None
    assert expected_of(replace(running, status="settling"), STYLE) is None


def test_the_board_asks_for_it_unless_it_is_filtered(quiet_world: World) -> None:
    rep = client_of(quiet_world.a.user(Role.REP))
    body = rep.get(BOARD).content.decode()
    address = f"{EXPECTED}?pipeline={quiet_world.a.pipeline.pk}"
    assert f'hx-get="{address}" hx-trigger="load, toast from:document"' in body
    assert EXPECTED not in rep.get(f"{BOARD}?late=1").content.decode()


def test_who_may_see_it_and_of_which_pipeline(computed: World) -> None:
    own, theirs = computed.a.pipeline.pk, computed.b.pipeline.pk
    for role in Role:
        reader = client_of(computed.a.user(role))
        assert reader.get(EXPECTED, headers=HX).status_code == 200
        plain = reader.get(EXPECTED)
        assert (plain.status_code, plain["Location"]) == (302, "/w/alpha/velocity/")
    first = reader.get(EXPECTED, headers=HX).content
    assert reader.get(f"{EXPECTED}?pipeline={own}", headers=HX).content == first
    for missing in (theirs, 999_999_999):
        assert reader.get(f"{EXPECTED}?pipeline={missing}", headers=HX).content == b""
    assert client_of(computed.stranger).get(EXPECTED, headers=HX).status_code == 404
