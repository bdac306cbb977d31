"""The way in: straight to the only workspace, or a list to choose from; and the switcher."""

from accounts.roles import Role
from accounts.selectors.memberships import membership_for, workspaces_of
from accounts.services.companies import add_member
from tests.personas import NOW, OPERATOR, World, client_of


def test_with_one_workspace_one_goes_straight_in(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    assert client.get("/")["Location"] == "/w/alpha/velocity/"
    assert client.get("/?all").status_code == 200


def test_with_two_there_is_a_choice(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    add_member(company=quiet_world.b.company, user=user, role=Role.LEADER, by=OPERATOR, now=NOW)
    found = workspaces_of(user_id=user.pk)
    assert [(w.slug, w.role) for w in found] == [("alpha", Role.REP), ("beta", Role.LEADER)]
    body = client_of(user).get("/").content.decode()
    assert "/w/alpha/velocity/" in body
    assert "/w/beta/velocity/" in body


def test_the_switcher_offers_the_own_workspaces_only(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    body = client_of(user).get("/w/alpha/velocity/").content.decode()
    assert "Beta" not in body
    add_member(company=quiet_world.b.company, user=user, role=Role.LEADER, by=OPERATOR, now=NOW)
    body = client_of(user).get("/w/alpha/velocity/").content.decode()
    assert "/w/beta/" in body


def test_a_stranger_sees_no_workspace(quiet_world: World) -> None:
    body = client_of(quiet_world.stranger).get("/").content.decode()
    assert "Alpha" not in body
    assert "Beta" not in body


def test_a_membership_is_found_by_its_own_user_only(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    found = membership_for(user_id=user.pk, slug="alpha")
    assert found is not None
    assert (found[0].pk, found[1].role) == (quiet_world.a.company.pk, "rep")
    assert membership_for(user_id=user.pk, slug="beta") is None
    assert membership_for(user_id=user.pk, slug="nowhere") is None
    assert membership_for(user_id=quiet_world.removed.pk, slug="alpha") is None


def test_the_signed_out_are_sent_to_sign_in(quiet_world: World) -> None:
    assert client_of(None).get("/")["Location"] == "/account/login/?next=/"
