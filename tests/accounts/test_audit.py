"""The audit trail: owners read it, by pages, by kind and person."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.roles import Role
from accounts.selectors.audit import in_words
from accounts.services.audit import record_audit
from accounts.tenancy.context import company_context
from tests.personas import CANARY, NOW, Workspace, World, client_of

PAGE = "/w/alpha/settings/audit/"


def record(workspace: Workspace, count: int, by: Actor | None = None, **more: object) -> None:
    with company_context(workspace.company.pk):
        for n in range(count):
            record_audit(
                by=by or workspace.actor(Role.OWNER),
                at=NOW,
                action=str(more.get("action", "thing.changed")),
                object_type="thing",
                object_id=n,
                before={"name": f"old {n}", "same": 1},
                after={"name": more.get("name", f"new {n}"), "same": 1},
            )


def rows(body: str) -> int:
    return body.count('<th scope="row">')


@pytest.mark.parametrize("role", list(Role))
def test_only_owners_read_it(quiet_world: World, role: Role) -> None:
    status = client_of(quiet_world.a.user(role)).get(PAGE).status_code
    assert status == (200 if role is Role.OWNER else 403)


def test_it_says_who_did_what(quiet_world: World) -> None:
    record(quiet_world.a, 1, name="<b>bold</b>")
    body = client_of(quiet_world.a.user(Role.OWNER)).get(PAGE).content.decode()
    assert "Thing changed" in body
    assert "<s>old 0</s>" in body
    assert "&lt;b&gt;bold&lt;/b&gt;" in body
    assert "same" not in body, "what stayed as it was is not a change"
    assert "owner@alpha.example" in body
    assert CANARY not in body


def test_times_are_the_companys(quiet_world: World) -> None:
    from accounts.models import Company

    record(quiet_world.a, 1)
    with company_context(quiet_world.a.company.pk):
        Company.objects.update(timezone="Asia/Tokyo")
    body = client_of(quiet_world.a.user(Role.OWNER)).get(PAGE).content.decode()
    assert "2026-05-20 18:00:00" in body


def test_pages_cover_everything_once(quiet_world: World) -> None:
    record(quiet_world.a, 120, action="many.made")
    client = client_of(quiet_world.a.user(Role.OWNER))
    seen: list[str] = []
    url = f"{PAGE}?kind=many.made"
    for expected in (50, 50, 20):
        body = client.get(url).content.decode()
        assert rows(body) == expected
        seen += re.findall(r"thing (\d+)<", body)
        older = re.search(r'rel="next" href="([^"]+)"', body)
        url = PAGE + older[1].replace("&amp;", "&") if older else ""
    assert url == ""
    assert [int(n) for n in seen] == list(range(119, -1, -1))


def test_by_person(quiet_world: World) -> None:
    record(quiet_world.a, 2)
    record(quiet_world.a, 3, by=quiet_world.a.actor(Role.MANAGER))
    record(quiet_world.a, 4, by=Actor.product("import"))
    client = client_of(quiet_world.a.user(Role.OWNER))
    person = quiet_world.a.user(Role.MANAGER).pk
    for asked, count in [(person, 3), (quiet_world.b.user(Role.OWNER).pk, 0), ("x", 0)]:
        body = client.get(PAGE, {"person": asked, "kind": "thing.changed"}).content.decode()
        assert rows(body) == count
    body = client.get(PAGE, {"person": "product", "kind": "thing.changed"}).content.decode()
    assert rows(body) == 4


@pytest.mark.parametrize(
    "query", ["before=x", "before=9999999999999999999999", "kind=%00", "person=%00", "before=-1"]
)
def test_nonsense_in_the_address_breaks_nothing(quiet_world: World, query: str) -> None:
    answer = client_of(quiet_world.a.user(Role.OWNER)).get(f"{PAGE}?{query}")
    assert answer.status_code == 200


def test_a_long_trail_asks_as_often(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.OWNER))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(PAGE)
        return len(captured)

    record(quiet_world.a, 1)
    queries()  # the session gets its token
    few = queries()
    record(quiet_world.a, 200)
    assert queries() == few


def test_actions_in_words() -> None:
    assert in_words("member.role_changed") == "Member role changed"
