"""Every page declares who may open it, and nothing stands in front of that declaration."""

import pytest
from django.urls import path

from accounts.access import company_view, public_view
from accounts.permissions import policy
from tests.guards.url_tree import (
    PREFIX,
    Page,
    pages,
    stale_arguments,
    unknown_arguments,
)


def problems(found: list[Page]) -> list[str]:
    said = []
    for page in found:
        mark = f"{page.name or page.route} ({page.route})"
        outermost = getattr(getattr(page.view, "__code__", None), "co_qualname", "")
        if page.of_a_company:
            if page.permission not in policy():
                said.append(f"{mark} declares no permission: use company_view.")
            elif outermost != "company_view.<locals>.decorate.<locals>.guarded":
                said.append(f"{mark} has something in front of company_view.")
            if getattr(page.view, "public", False):
                said.append(f"{mark} is public under a company.")
        elif page.view.__module__.startswith("allauth."):
            continue
        elif not getattr(page.view, "public", False):
            said.append(f"{mark} is neither a company's page nor marked public.")
        elif page.permission is not None:
            said.append(f"{mark} declares a permission without a company.")
        if not page.name or page.name.endswith(":"):
            said.append(f"{mark} has no name.")
        if "<slug:company_slug>" in page.route and not page.of_a_company:
            said.append(f"{mark} takes a company outside {PREFIX}.")
    return said


def test_every_page_declares_who_may_open_it() -> None:
    found = pages()
    assert len([p for p in found if p.of_a_company]) >= 5
    assert len([p for p in found if not p.of_a_company]) >= 10
    assert problems(found) == []


def test_every_argument_can_be_filled() -> None:
    found = pages()
    assert unknown_arguments(found) == []
    assert stale_arguments(found) == []


def test_names_are_unique() -> None:
    names = [p.name for p in pages()]
    assert sorted(names) == sorted(set(names))


def _bare(request, **kwargs):  # type: ignore[no-untyped-def]
    return None


def _in_front(view):  # type: ignore[no-untyped-def]
    def wrapped(request, **kwargs):  # type: ignore[no-untyped-def]
        return view(request, **kwargs)

    wrapped.permission = view.permission
    return wrapped


def _page(route: str, view: object) -> Page:
    pattern = path(route, view, name="planted")  # type: ignore[arg-type]
    return Page(
        route=route,
        name="planted",
        arguments=tuple(pattern.pattern.regex.groupindex),
        view=view,
    )


@pytest.mark.parametrize(
    ("route", "view", "expected"),
    [
        (f"{PREFIX}x/", _bare, "declares no permission"),
        (f"{PREFIX}x/", public_view(lambda request: None), "declares no permission"),
        (f"{PREFIX}x/", _in_front(company_view("deal.view")(_bare)), "in front of company_view"),
        ("x/", _bare, "neither a company's page nor marked public"),
        ("x/", company_view("deal.view")(_bare), "neither a company's page nor marked public"),
        (f"old/{PREFIX}x/", public_view(lambda request: None), "takes a company outside"),
    ],
)
def test_the_guard_sees_planted_faults(route: str, view: object, expected: str) -> None:
    assert expected in " ".join(problems([_page(route, view)]))


def test_the_guard_sees_an_argument_that_nobody_fills() -> None:
    page = _page(f"{PREFIX}deals/<int:deal_number>/", company_view("deal.view")(_bare))
    assert "takes deal_number" in " ".join(unknown_arguments([page]))


def test_an_unknown_permission_stops_the_start() -> None:
    with pytest.raises(KeyError):
        company_view("deal.teleport")
