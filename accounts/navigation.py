"""The sidebar: three groups of entries, in one place. A later page adds one line here.

Entries name URLs and permissions as text, since pages above this app must not be imported. An
entry whose URL does not exist, or which the role may not open, is not shown: no dead links.
"""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.permissions import policy
from accounts.roles import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the sidebar. `step` is its number in the audit; `key` follows `g`."""

    url_name: str
    text: str | Promise
    permission: str
    icon: str = ""
    step: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str | Promise
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as the template prints it."""

    href: str
    text: str | Promise
    icon: str
    step: int | None
    key: str
    current: bool


NAVIGATION: tuple[Group, ...] = (
    Group(
        _("The audit"),
        (
            Entry("metrics:velocity", _("Velocity"), "velocity.view", step=1, key="1"),
            Entry("metrics:funnel", _("Danger points"), "funnel.view", step=2, key="2"),
        ),
    ),
    Group(
        _("Pipeline"),
        (
            Entry("pipeline:my_day", _("My day"), "deal.view", icon="calendar-check", key="m"),
            Entry("pipeline:board", _("Deals"), "deal.view", icon="square-kanban", key="d"),
        ),
    ),
    Group(
        _("Workspace"),
        (
            Entry(
                "metrics:definitions",
                _("Definitions"),
                "definitions.view",
                icon="book-open",
                key="w",
            ),
        ),
    ),
)


# What can be called from every page: by a link in the frame and by a key.
QUICK: dict[str, tuple[str, str]] = {
    "search": ("pipeline:search", "deal.view"),
    "log": ("pipeline:quick_capture", "deal.change"),
    "open": ("pipeline:deal_open", "deal.open"),
}


def quick_links(*, slug: str, role: Role) -> dict[str, str]:
    """The addresses of QUICK that this role may open, by name."""
    rights = policy()
    found = {}
    for name, (url_name, permission) in QUICK.items():
        if role in rights.get(permission, frozenset()):
            try:
                found[name] = reverse(url_name, kwargs={"company_slug": slug})
            except NoReverseMatch:
                continue
    return found


def navigation_for(
    *, slug: str, role: Role, path: str
) -> tuple[tuple[str | Promise, tuple[Item, ...]], ...]:
    """The groups and pages that this role may open, with the one at `path` marked current."""
    rights = policy()
    groups = []
    for group in NAVIGATION:
        items = []
        for entry in group.entries:
            if role not in rights.get(entry.permission, frozenset()):
                continue
            try:
                href = reverse(entry.url_name, kwargs={"company_slug": slug})
            except NoReverseMatch:
                continue
            items.append(
                Item(
                    href=href,
                    text=entry.text,
                    icon=entry.icon,
                    step=entry.step,
                    key=entry.key,
                    current=path.startswith(href),
                )
            )
        if items:
            groups.append((group.title, tuple(items)))
    return tuple(groups)
