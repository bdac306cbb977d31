"""Members: who sees them, who changes them, and what the end of a membership ends."""

import threading
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry, Membership
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.services.members import change_role, remove_member
from accounts.tenancy.context import company_context
from pipeline.models import Deal, Rep, SavedSegment, StageTransition
from tests.personas import CANARY, NOW, OPERATOR, Workspace, World, client_of, make_user

PAGE = "/w/alpha/settings/members/"


def of(workspace: Workspace, role: Role) -> Membership:
    return workspace.members[role]


def address(member: Membership, what: str) -> str:
    return f"{PAGE}{member.pk}/{what}/"


def role_now(member: Membership) -> str | None:
    with company_context(member.company_id), transaction.atomic():
        found = Membership.objects.filter(pk=member.pk).values_list("role", flat=True)
        return found.first()


def audited(workspace: Workspace) -> list[str]:
    with company_context(workspace.company.pk):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize(
    ("role", "sees", "manages"),
    [
        (Role.OWNER, True, True),
        (Role.MANAGER, True, False),
        (Role.REP, False, False),
        (Role.LEADER, False, False),
    ],
)
def test_who_sees_and_who_manages(
    quiet_world: World, role: Role, sees: bool, manages: bool
) -> None:
    client = client_of(quiet_world.a.user(role))
    page = client.get(PAGE)
    assert page.status_code == (200 if sees else 403)
    body = page.content.decode()
    assert ("leader@alpha.example" in body) is (sees or role is Role.LEADER)
    assert ("Invite somebody" in body) is manages
    assert CANARY not in body
    rep = of(quiet_world.a, Role.REP)
    for url, data in [
        (address(rep, "role"), {"role": "owner"}),
        (address(rep, "remove"), {"sure": "1"}),
        (f"{PAGE}invite/", {"email": "x@y.example", "role": "rep"}),
    ]:
        if not manages:
            assert client.post(url, data).status_code == 403
    assert role_now(rep) == "rep"


def test_the_settings_lead_only_where_one_may_go(quiet_world: World) -> None:
    owner = client_of(quiet_world.a.user(Role.OWNER)).get("/w/alpha/settings/").content.decode()
    manager = client_of(quiet_world.a.user(Role.MANAGER)).get("/w/alpha/settings/").content.decode()
    assert 'href="/w/alpha/settings/members/"' in owner
    assert 'href="/w/alpha/settings/members/"' in manager
    assert 'href="/w/alpha/settings/audit/"' in owner
    assert 'href="/w/alpha/settings/audit/"' not in manager
    assert 'data-key="gs"' in owner
    rep = client_of(quiet_world.a.user(Role.REP)).get("/w/alpha/velocity/").content.decode()
    assert "/settings/" not in rep


def test_the_list_asks_as_often_for_many_members(quiet_world: World) -> None:
    def queries() -> int:
        client = client_of(quiet_world.a.user(Role.OWNER))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    few = queries()
    for n in range(30):
        user = make_user(f"more{n}@alpha.example")
        add_member(company=quiet_world.a.company, user=user, role=Role.REP, by=OPERATOR, now=NOW)
    assert queries() == few


def test_a_role_is_changed_and_holds_at_once(quiet_world: World) -> None:
    owner, rep = client_of(quiet_world.a.user(Role.OWNER)), client_of(quiet_world.a.user(Role.REP))
    assert rep.get(PAGE).status_code == 403
    answer = owner.post(address(of(quiet_world.a, Role.REP), "role"), {"role": "manager"})
    assert answer["Location"] == PAGE
    assert rep.get(PAGE).status_code == 200
    assert audited(quiet_world.a)[-1] == "member.role_changed"


@pytest.mark.parametrize("role", ["", "king", "OWNER", "x\x00", "owner' OR 1"])
def test_what_is_no_role_is_refused(quiet_world: World, role: str) -> None:
    owner = client_of(quiet_world.a.user(Role.OWNER))
    answer = owner.post(address(of(quiet_world.a, Role.REP), "role"), {"role": role})
    assert answer.status_code == 422
    assert role_now(of(quiet_world.a, Role.REP)) == "rep"


def test_the_last_owner_stays(quiet_world: World) -> None:
    client, last = client_of(quiet_world.a.user(Role.OWNER)), of(quiet_world.a, Role.OWNER)
    for what, data in [("role", {"role": "rep"}), ("remove", {"sure": "1"})]:
        answer = client.post(address(last, what), data)
        assert answer.status_code == 422
        assert "needs an owner" in answer.content.decode()
    assert role_now(last) == "owner"
    client.post(address(of(quiet_world.a, Role.MANAGER), "role"), {"role": "owner"})
    left = client.post(address(last, "remove"), {"sure": "1"})
    assert left["Location"] == "/"
    assert client.get(PAGE).status_code == 404


def test_removal_is_asked_before(quiet_world: World) -> None:
    client, rep = client_of(quiet_world.a.user(Role.OWNER)), of(quiet_world.a, Role.REP)
    asked = client.get(address(rep, "remove"))
    assert "lose access" in asked.content.decode()
    assert client.post(address(rep, "remove")).status_code == 422
    assert role_now(rep) == "rep"


def test_removal_ends_access_at_once_and_keeps_history(world: World) -> None:
    a = world.a
    member, user = of(a, Role.REP), a.user(Role.REP)
    browser = client_of(user)
    assert browser.get("/w/alpha/velocity/").status_code == 200
    with company_context(a.company.pk):
        SavedSegment.objects.create(name="mine", query="", membership=member, created_at=NOW)
        deals = list(Deal.objects.order_by("pk").values("pk", "rep_id", "path", "version"))
        moves = StageTransition.objects.count()
    answer = client_of(a.user(Role.OWNER)).post(address(member, "remove"), {"sure": "1"})
    assert answer["Location"] == PAGE

    urls = ["/w/alpha/velocity/", "/w/alpha/deals/", f"/w/alpha/deals/{a.deals['open']}/"]
    for url in urls:
        gone, missing = browser.get(url), browser.get(url.replace("alpha", "nowhere"))
        assert gone.status_code == 404
        assert gone.content == missing.content
        assert browser.get(url, headers={"HX-Request": "true"}).status_code == 404
    with company_context(a.company.pk):
        assert Rep.objects.get(name="Ada").membership_id is None
        assert list(Deal.objects.order_by("pk").values("pk", "rep_id", "path", "version")) == deals
        assert StageTransition.objects.count() == moves
        assert not SavedSegment.objects.exists()
        last = AuditEntry.objects.order_by("-id")[0]
        assert (last.action, last.before["email"]) == ("member.removed", user.email)
        assert last.actor_label == a.user(Role.OWNER).email


def test_a_member_of_the_neighbour_is_as_missing(quiet_world: World) -> None:
    client, theirs = client_of(quiet_world.a.user(Role.OWNER)), of(quiet_world.b, Role.REP)
    for what, data in [("role", {"role": "owner"}), ("remove", {"sure": "1"})]:
        answer = client.post(address(theirs, what), data)
        missing = client.post(f"{PAGE}999999999/{what}/", data)
        assert answer.status_code == missing.status_code == 404
        assert answer.content == missing.content
    assert role_now(theirs) == "rep"


def test_a_right_that_was_lost_a_moment_ago_is_lost(quiet_world: World) -> None:
    a = quiet_world.a
    owner = a.actor(Role.OWNER)
    add_member(company=a.company, user=a.user(Role.OWNER), role=Role.REP, by=OPERATOR, now=NOW)
    with company_context(a.company.pk), pytest.raises(NotAllowed):
        remove_member(by=owner, membership_id=of(a, Role.REP).pk, now=NOW)


def test_two_owners_who_demote_each_other_leave_one(committed_world: World) -> None:
    a = committed_world.a
    add_member(company=a.company, user=a.user(Role.MANAGER), role=Role.OWNER, by=OPERATOR, now=NOW)
    pairs = [(Role.OWNER, Role.MANAGER), (Role.MANAGER, Role.OWNER)]
    found: Counter[str] = Counter()
    together = threading.Barrier(2)

    def demote(by: Role, whom: Role) -> None:
        actor = Actor(a.user(by).pk, a.user(by).email, Role.OWNER)
        together.wait()
        try:
            with company_context(a.company.pk):
                change_role(by=actor, membership_id=of(a, whom).pk, role=Role.REP, now=NOW)
            found["done"] += 1
        except DomainError:
            found["refused"] += 1
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"done": 1, "refused": 1}
    with company_context(a.company.pk), transaction.atomic():
        assert Membership.objects.filter(role="owner").count() == 1
