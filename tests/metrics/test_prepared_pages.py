"""After a change the worker makes the pages that are looked at, as their readers would."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as NoRedis

from accounts.actors import Actor
from accounts.roles import Role
from accounts.services import looked_at
from accounts.services.looked_at import ask_ahead
from accounts.services.members import change_role, remove_member
from accounts.tenancy.context import company_context
from metrics import tasks
from metrics.models import Finding
from metrics.services.recompute import recompute_all
from metrics.views import funnel
from pipeline.models import Deal, DirtyQuarter
from tests.personas import NOW, World, client_of

PAGE = "/w/alpha/funnel/"
BY = Actor.product("test")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were made, by whoever made them."""
    done: list[str] = []
    render = funnel.render_to_string

    def noted(name: str, context: dict[str, Any]) -> Any:
        done.append(context["here"])
        return render(name, context)

    monkeypatch.setattr(funnel, "render_to_string", noted)
    return done


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The companies for whose pages a message was sent."""
    messages: list[int] = []
    monkeypatch.setattr(
        tasks.prepare_pages, "apply_async", lambda args, **_options: messages.append(args[0])
    )
    return messages


def read(client: Client, **query: str) -> str:
    response = client.get(PAGE, {"q": "2026-Q1", **query})
    assert response.status_code == 200
    return response.content.decode()


def without_a_deal(classic: World) -> None:
    """One of the hundred is gone from the figures."""
    company = classic.a.company.pk
    with company_context(company):
        Deal.objects.filter(name="Classic 0").update(path=b"", opened_on=None)
    recompute_all(company_id=company, now=NOW)


def manager_of(classic: World) -> Client:
    return client_of(classic.a.user(Role.MANAGER))


def test_the_next_reader_of_changed_figures_waits_for_nothing(
    classic: World, made: list[str]
) -> None:
    manager, company = manager_of(classic), classic.a.company.pk
    assert ">100</a></p>" in read(manager, unit="deals")
    without_a_deal(classic)
    assert ask_ahead(company_id=company, seconds=60) == 1
    assert made == ["http://testserver/w/alpha/funnel/?q=2026-Q1&unit=deals"] * 2
    assert ">99</a></p>" in read(manager, unit="deals")
    # Nor does another person with the same rights.
    assert ">99</a></p>" in read(client_of(classic.a.user(Role.OWNER)), unit="deals")
    assert len(made) == 2


def test_every_reader_is_asked_for_with_their_rights_and_language(
    classic: World, made: list[str]
) -> None:
    company = classic.a.company.pk
    leader, french = classic.a.user(Role.LEADER), classic.a.user(Role.MANAGER)
    french.locale = "fr"
    french.save(update_fields=["locale"])
    for user in (leader, french):
        read(client_of(user))
    without_a_deal(classic)
    assert ask_ahead(company_id=company, seconds=60) == 2
    assert len(made) == 4
    leaders, theirs = read(client_of(leader)), read(client_of(french))
    assert "Record a change" not in leaders
    assert 'lang="fr"' in theirs
    assert "Entonnoir" in theirs
    assert "Entonnoir" not in leaders
    assert len(made) == 4


def test_a_page_that_did_not_change_is_not_made_again(classic: World, made: list[str]) -> None:
    read(manager_of(classic))
    assert ask_ahead(company_id=classic.a.company.pk, seconds=60) == 1
    assert len(made) == 1


@pytest.mark.parametrize("how", ["left", "of another company", "gone"])
def test_nobody_is_asked_for_who_may_not_see_it(
    how: str, classic: World, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    company, member = classic.a.company.pk, classic.a.members[Role.MANAGER]
    read(manager_of(classic))
    asked = company
    if how == "left":
        with company_context(company), transaction.atomic():
            remove_member(by=BY, membership_id=member.pk, now=NOW)
    elif how == "of another company":
        asked = classic.b.company.pk
        key = next(k for n in range(looked_at.PLACES) if cache.get(k := f"{company}:looked_at:{n}"))
        cache.set(key.replace(f"{company}:", f"{asked}:", 1), cache.get(key))
    elif how == "gone":
        monkeypatch.setattr(looked_at, "resolve", _no_such_page)
    without_a_deal(classic)
    assert ask_ahead(company_id=asked, seconds=60) == 0
    assert len(made) == 1


def test_who_became_a_leader_is_asked_for_as_a_leader(classic: World, made: list[str]) -> None:
    company, member = classic.a.company.pk, classic.a.members[Role.MANAGER]
    read(manager_of(classic))
    with company_context(company), transaction.atomic():
        change_role(by=BY, membership_id=member.pk, role=Role.LEADER, now=NOW)
    without_a_deal(classic)
    assert ask_ahead(company_id=company, seconds=60) == 1
    assert len(made) == 2
    assert "Record a change" not in read(client_of(classic.a.user(Role.LEADER)))
    assert len(made) == 2


def _no_such_page(path: str) -> None:
    raise looked_at.Resolver404({"path": path})


def test_a_company_cannot_fill_the_cache_by_looking(classic: World) -> None:
    manager, company = manager_of(classic), classic.a.company.pk
    for n in range(40):
        read(manager, at="1", more=str(n))
    assert 8 <= ask_ahead(company_id=company, seconds=60) <= looked_at.PLACES
    assert ask_ahead(company_id=company, seconds=0) <= 1


def test_without_redis_the_page_is_read_and_nothing_prepared(
    classic: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_given: object, **_named: object) -> None:
        raise NoRedis("gone")

    for name in ("get", "set", "add", "touch", "get_many"):
        monkeypatch.setattr(cache, name, gone)
    assert ">100</a></p>" in read(manager_of(classic), unit="deals")
    assert ask_ahead(company_id=classic.a.company.pk, seconds=60) == 0


def test_one_message_stands_for_many_changes(
    classic: World, sent: list[int], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    company, other = classic.a.company.pk, classic.b.company.pk
    with django_capture_on_commit_callbacks(execute=True):
        for company_id in (company, company, other, company):
            tasks.prepare_soon(company_id)
        assert sent == []  # not before the commit
    assert sent == [company, other]
    tasks.prepare_pages(company)  # from here on a change is another message
    with django_capture_on_commit_callbacks(execute=True):
        tasks.prepare_soon(company)
    assert sent == [company, other, company]


@pytest.mark.parametrize("work", ["behind", "one quarter", "nothing to do", "every ten minutes"])
def test_the_worker_prepares_after_its_work(
    work: str,
    classic: World,
    sent: list[int],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    company = classic.a.company.pk
    if work == "one quarter":
        DirtyQuarter.objects.filter(company_id=company).update(gen=F("gen") + 1)
    with django_capture_on_commit_callbacks(execute=True):
        if work == "behind":
            tasks.recompute_behind(company)
        elif work == "every ten minutes":
            monkeypatch.setattr(tasks.experiment_round, "delay", lambda _company: None)
            tasks.experiments()
        else:
            tasks.recompute_quarter(company, "2026-01-01")
    assert (company in sent) == (work != "nothing to do")


def test_who_finds_a_change_lets_the_other_pages_be_prepared(
    classic: World,
    made: list[str],
    sent: list[int],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    manager, company = manager_of(classic), classic.a.company.pk
    read(manager), read(manager, at="3")
    cache.delete(f"{company}:pages_due")
    sent.clear()
    with company_context(company):
        Finding.objects.create(
            source="call_review", pipeline=classic.a.pipeline, stage=classic.a.stages["Coach"],
            statement="Price before reason", severity="high", learned_on=NOW.date(),
            recorded_at=NOW, author=classic.a.user(Role.MANAGER),
        )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        read(manager)
    assert sent == [company]
    assert len(made) == 3
    tasks.prepare_pages(company)
    assert len(made) == 4
    assert "Price before reason" in read(manager, at="3")
    assert len(made) == 4
    assert sent == [company]  # the worker's own asking sends nobody
