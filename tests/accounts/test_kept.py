"""Parts of pages that are kept: the same mark the same part, and nobody else's."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from redis.exceptions import ConnectionError as NoRedis

from accounts import kept as module
from accounts.kept import PLACES, kept


def maker() -> tuple[Callable[[], SafeString], list[int]]:
    """What makes a part, another each time, and how often it did."""
    made: list[int] = []

    def make() -> SafeString:
        made.append(1)
        return format_html("<p>{} &</p>", len(made))

    return make, made


def test_the_same_mark_is_the_same_part_and_still_markup() -> None:
    make, made = maker()
    first = kept(company_id=1, name="part", mark=("rows", 1), make=make)
    second = kept(company_id=1, name="part", mark=("rows", 1), make=make)
    assert first == second == "<p>1 &</p>"
    assert hasattr(second, "__html__")
    assert len(made) == 1


@pytest.mark.parametrize(
    ("company_id", "name", "mark"), [(1, "part", ("rows", 2)), (2, "part", 1), (1, "other", 1)]
)
def test_anything_else_is_made_anew(company_id: int, name: str, mark: object) -> None:
    make, made = maker()
    kept(company_id=1, name="part", mark=1, make=make)
    assert kept(company_id=company_id, name=name, mark=mark, make=make) == "<p>2 &</p>"
    assert len(made) == 2


def test_another_language_and_another_program_make_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    make, made = maker()
    kept(company_id=1, name="part", mark=1, make=make)
    with translation.override("fr"):
        kept(company_id=1, name="part", mark=1, make=make)
    assert len(made) == 2
    monkeypatch.setattr(module, "_program", lambda: "a later version")
    kept(company_id=1, name="part", mark=1, make=make)
    assert len(made) == 3


def test_a_company_cannot_fill_the_cache_by_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    set_ = cache.set

    def noted(key: str, *given: object) -> None:
        used.add(key)
        set_(key, *given)

    monkeypatch.setattr(cache, "set", noted)
    make, _made = maker()
    for mark in range(3000):
        kept(company_id=7, name="part", mark=mark, make=make)
    assert len(used) == PLACES
    assert all(key.startswith("7:") for key in used)


def test_two_marks_of_one_place_do_not_take_each_other_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PLACES", 1)
    make, _made = maker()
    assert kept(company_id=1, name="part", mark="a", make=make) == "<p>1 &</p>"
    assert kept(company_id=1, name="part", mark="b", make=make) == "<p>2 &</p>"
    assert kept(company_id=1, name="part", mark="a", make=make) == "<p>3 &</p>"


@pytest.mark.parametrize("broken", ["get", "set"])
def test_without_redis_the_part_is_made(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*given: object) -> None:
        raise NoRedis("gone")

    monkeypatch.setattr(cache, broken, gone)
    make, made = maker()
    assert kept(company_id=1, name="part", mark=1, make=make) == "<p>1 &</p>"
    assert kept(company_id=1, name="part", mark=1, make=make) == "<p>2 &</p>"
    assert len(made) == 2


def test_templates_that_are_being_written_are_not_kept(settings) -> None:
    settings.DEBUG = True
    make, made = maker()
    kept(company_id=1, name="part", mark=1, make=make)
    kept(company_id=1, name="part", mark=1, make=make)
    assert len(made) == 2
