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
    """A page in the sidebar. `step` is its number in the audit; `key` follows `g`. `count` names
    the URL of what waits there, which the page asks for by itself once it stands."""

    url_name: str
    text: str | Promise
    permission: str
    icon: str = ""
    step: int | None = None
    key: str = ""
    count: str = ""


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
    count_url: str = ""


NAVIGATION: tuple[Group, ...] = (
    Group(
        _("The audit"),
        (
            Entry("metrics:velocity", _("Velocity"), "velocity.view", step=1, key="1"),
            Entry("metrics:funnel", _("Danger points"), "funnel.view", step=2, key="2"),
            Entry("metrics:what_if", _("Simulator"), "what_if.view", step=3, key="3"),
            Entry("metrics:experiment_list", _("Experiments"), "experiment.view", step=4, key="4"),
        ),
    ),
    Group(
        _("Why deals are lost"),
        (
            Entry("metrics:danger_list", _("Agenda"), "danger.view", icon="list-checks", key="a"),
            Entry("metrics:finding_list", _("Findings"), "finding.view", icon="flag", key="f"),
            Entry("metrics:review_list", _("Reviews"), "review.view", icon="eye", key="r"),
            Entry("metrics:voices", _("Two voices"), "voices.view", icon="message-circle", key="v"),
            Entry(
                "pipeline:material_list", _("Material"), "material.view", icon="file-text", key="l"
            ),
        ),
    ),
    Group(
        _("Pipeline"),
        (
            Entry("pipeline:my_day", _("My day"), "deal.view", icon="calendar-check", key="m"),
            Entry("pipeline:board", _("Deals"), "deal.view", icon="square-kanban", key="d"),
            Entry("metrics:quarter_list", _("Quarters"), "quarter.view", icon="history", key="q"),
            Entry(
                "pipeline:mail_tray",
                _("Mail"),
                "mail.view",
                icon="inbox",
                key="e",
                count="pipeline:mail_waiting",
            ),
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
            Entry(
                "accounts:notification_list",
                _("Notifications"),
                "notification.view",
                icon="bell",
                key="b",
                count="accounts:notification_count",
            ),
            Entry("accounts:settings", _("Settings"), "settings.view", icon="settings", key="s"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A page of the settings, as their list names it. `about` says what is done there."""

    url_name: str
    text: str | Promise
    about: str | Promise
    permission: str
    icon: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SettingItem:
    """A setting as the template prints it."""

    href: str
    text: str | Promise
    about: str | Promise
    icon: str


def _catalogue(name: str, text: Promise, about: Promise, icon: str) -> Setting:
    given = (("catalogue", name),)
    return Setting("pipeline:settings_catalogue", text, about, "settings.view", icon, given)


SETTINGS: tuple[tuple[str | Promise, tuple[Setting, ...]], ...] = (
    (
        _("Workspace"),
        (
            Setting(
                "pipeline:settings_company",
                _("Company"),
                _("Name, calendar, currency, how velocity is counted, second factor"),
                "company.settings",
                icon="building-2",
            ),
            Setting(
                "accounts:member_list",
                _("Members"),
                _("Who may sign in, as what, and who is invited"),
                "member.view",
                icon="users",
            ),
            Setting(
                "accounts:audit",
                _("Audit trail"),
                _("Who changed what, and when"),
                "audit.view",
                icon="history",
            ),
            Setting(
                "metrics:operations",
                _("Operations"),
                _("When figures were computed, what waits, what failed"),
                "operations.view",
                icon="activity",
            ),
        ),
    ),
    (
        _("Pipeline"),
        (
            Setting(
                "pipeline:settings_pipelines",
                _("Pipelines and stages"),
                _("The steps that deals take"),
                "settings.view",
                icon="square-kanban",
            ),
            _catalogue("products", _("Products"), _("What is sold"), "tag"),
            _catalogue("sources", _("Sources"), _("Where deals come from"), "globe"),
            _catalogue("lost-reasons", _("Lost reasons"), _("Why deals are lost"), "circle-help"),
            _catalogue("competitors", _("Competitors"), _("Whom deals are lost to"), "flag"),
            Setting(
                "metrics:theme_list",
                _("Themes"),
                _("What buyers worry about, in your own words"),
                "theme.manage",
                icon="message-circle",
            ),
            _catalogue("reps", _("Reps"), _("Who sells, and who signs in as whom"), "user"),
            _catalogue("teams", _("Teams"), _("Who sells together"), "users"),
            Setting(
                "pipeline:settings_mail",
                _("Mail"),
                _("The address to copy in, and whose mailbox is linked"),
                "mail.settings",
                icon="mail",
            ),
            Setting(
                "pipeline:settings_rates",
                _("Exchange rates"),
                _("What other currencies count as, month by month"),
                "settings.view",
                icon="arrow-right-left",
            ),
        ),
    ),
)


def settings_for(
    *, slug: str, role: Role
) -> tuple[tuple[str | Promise, tuple[SettingItem, ...]], ...]:
    """The settings that this role may open; what has no page is not named."""
    rights = policy()
    groups = []
    for title, settings in SETTINGS:
        items = []
        for one in settings:
            if role not in rights.get(one.permission, frozenset()):
                continue
            try:
                where = {"company_slug": slug, **dict(one.arguments)}
                href = reverse(one.url_name, kwargs=where)
            except NoReverseMatch:
                continue
            items.append(SettingItem(href, one.text, one.about, one.icon))
        if items:
            groups.append((title, tuple(items)))
    return tuple(groups)


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
                    count_url=reverse(entry.count, kwargs={"company_slug": slug})
                    if entry.count
                    else "",
                )
            )
        if items:
            groups.append((group.title, tuple(items)))
    return tuple(groups)
