"""The win rate of the simulator: no lever of its own, the stages set it."""

from django.test import Client

from accounts.roles import Role
from tests.metrics.test_what_if import asked, plain
from tests.personas import World, client_of


def test_the_win_rate_is_said_beside_the_levers_that_set_it(classic: World) -> None:
    """20 of 100 closed deals are won; Coach at 60 instead of 40 per cent makes it half as much
    again. The size of a deal does not touch it. (A tag left out leaves a space.)"""
    manager: Client = client_of(classic.a.user(Role.MANAGER))
    today = plain(asked(manager).content.decode())
    assert "Win rate: 20.0% , as today. It is set by the stages below" in today
    assert "Win rate: 20.0% , as today." in plain(asked(manager, a="2000").content.decode())
    assert "Win rate: 30.0% instead of 20.0% ." in plain(asked(manager, p3="60").content.decode())
    capped = plain(asked(manager, p1="100", p2="100", p3="100").content.decode())
    assert "Win rate: 100.0% instead of 20.0% ." in capped
