"""What a request knows of its company is gone when it ends, however it ends."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connections, transaction
from django.test import Client, override_settings

from accounts.roles import Role
from accounts.tenancy.context import (
    NoCompany,
    active_company_id,
    active_user_id,
    company_context,
    require_company_id,
    user_context,
)
from pipeline.models import Team
from tests.accounts import probe_urls
from tests.personas import World, client_of


@pytest.fixture(autouse=True)
def _probes() -> Iterator[None]:
    probe_urls.attempts.clear()
    with override_settings(ROOT_URLCONF="tests.accounts.probe_urls"):
        yield


def nothing_is_left() -> None:
    assert active_company_id() is None
    assert active_user_id() is None


def teams(world: World) -> list[str]:
    with company_context(world.a.company.pk), transaction.atomic():
        return list(Team.objects.values_list("name", flat=True))


def test_inside_a_company(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    said = client_of(user).get("/w/alpha/inside/").json()
    assert said == {
        "company": quiet_world.a.company.pk,
        "user": user.pk,
        "rows": [quiet_world.a.company.pk],
    }
    nothing_is_left()


def test_the_next_request_knows_nothing_of_the_last(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    client.get("/w/alpha/inside/")
    said = client.get("/outside/").json()
    assert said["company"] is None
    assert said["rows"] == []
    assert Client().get("/outside/").json() == {"company": None, "user": None, "rows": []}


def test_nor_after_an_error(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    client.raise_request_exception = False
    assert client.get("/w/alpha/breaks/").status_code == 500
    nothing_is_left()
    assert client.get("/outside/").json()["rows"] == []
    assert teams(quiet_world) == ["Team North"]  # what was half done is undone


def test_nor_after_a_refusal(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    page = client.get("/w/alpha/refuses/")
    assert page.status_code == 422
    assert "This cannot be done &lt;today&gt;." in page.content.decode()
    fragment = client.get("/w/alpha/refuses/", headers={"HX-Request": "true"})
    assert fragment.content == b"This cannot be done <today>."
    assert fragment["Content-Type"].startswith("text/plain")
    nothing_is_left()
    assert teams(quiet_world) == ["Team North"]


def test_nor_after_404_and_403(quiet_world: World) -> None:
    assert client_of(quiet_world.stranger).get("/w/alpha/inside/").status_code == 404
    nothing_is_left()
    leader = client_of(quiet_world.a.user(Role.LEADER))
    assert leader.get("/w/alpha/managers/").status_code == 403
    nothing_is_left()


def test_a_stream_that_outlives_its_request_sees_nothing(committed_world: World) -> None:
    """Views render before they return; one that does not gets no rows, never another's."""
    client = client_of(committed_world.a.user(Role.REP))
    response = client.get("/w/alpha/streams/")
    assert b"".join(response.streaming_content) == b"None []"
    nothing_is_left()


def test_many_requests_at_once_keep_their_companies(committed_world: World) -> None:
    world = committed_world
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def browse(index: int) -> None:
        workspace = (world.a, world.b)[index % 2]
        try:
            client = client_of(workspace.user(Role.REP))
            for turn in range(15):
                if turn % 5 == 4:
                    said = Client().get("/outside/").json()
                    right = said == {"company": None, "user": None, "rows": []}
                else:
                    said = client.get(f"/w/{workspace.company.slug}/inside/").json()
                    right = said["rows"] == [workspace.company.pk] == [said["company"]]
                with lock:
                    seen["right" if right else f"wrong: {said}"] += 1
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=browse, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"right": 90}


def test_a_request_that_lost_a_deadlock_runs_again(committed_world: World) -> None:
    client = client_of(committed_world.a.user(Role.REP))
    assert client.get("/w/alpha/deadlocked/2/").content == b"done"
    assert len(probe_urls.attempts) == 3
    assert teams(committed_world) == ["Team North", "attempt 3"]
    nothing_is_left()


def test_but_not_for_ever(committed_world: World) -> None:
    client = client_of(committed_world.a.user(Role.REP))
    with pytest.raises(OperationalError):
        client.get("/w/alpha/deadlocked/9/")
    assert len(probe_urls.attempts) == 4
    nothing_is_left()


# The context itself -------------------------------------------------------------------------------


def test_contexts_nest_and_restore() -> None:
    with company_context(1, user_id=7):
        with company_context(2):
            assert (require_company_id(), active_user_id()) == (2, 7)
            with user_context(8):
                assert (require_company_id(), active_user_id()) == (2, 8)
        assert (require_company_id(), active_user_id()) == (1, 7)
    nothing_is_left()
    with pytest.raises(NoCompany):
        require_company_id()


def test_contexts_are_restored_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), company_context(1), company_context(2):
        raise ZeroDivisionError
    nothing_is_left()


def test_a_new_thread_starts_without_a_company() -> None:
    seen: list[int | None] = []
    with company_context(1):
        thread = threading.Thread(target=lambda: seen.append(active_company_id()))
        thread.start()
        thread.join()
    assert seen == [None]


@pytest.mark.parametrize("wrong", ["1", None, 1.0])
def test_only_an_id_opens_a_company(wrong: object) -> None:
    with pytest.raises(TypeError), company_context(wrong):  # type: ignore[arg-type]
        pass
    nothing_is_left()
