"""What the frame of every page prints: navigation, icons, the theme."""

from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.navigation import navigation_for, quick_links
from accounts.roles import Role

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One icon of the sprite; hidden from assistive technology unless it has a label."""
    return _icon(static("icons.svg"), name, label)


@lru_cache(maxsize=1024)
def _icon(href: str, name: str, label: str) -> SafeString:
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            label,
            href,
            name,
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', href, name)


@register.simple_tag(takes_context=True)
def navigation(context: Context) -> tuple[Any, ...]:
    """The sidebar's groups for the signed-in member; none outside a company."""
    company, membership = context.get("company"), context.get("membership")
    if not company or not membership:
        return ()
    return navigation_for(
        slug=company.slug, role=Role(membership.role), path=context["request"].path
    )


@register.simple_tag(takes_context=True)
def quick_entries(context: Context) -> dict[str, str]:
    """What the frame of a company's page offers from anywhere, as the role allows it."""
    company, membership = context.get("company"), context.get("membership")
    if not company or not membership:
        return {}
    return quick_links(slug=company.slug, role=Role(membership.role))


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The user's own choice of light or dark; empty lets the system decide."""
    user = getattr(context.get("request"), "user", None)
    chosen = getattr(user, "theme", "") or ""
    return chosen if chosen in {"light", "dark"} else ""


@register.filter
def initial(name: str) -> str:
    """The first letter of a name, for its tile."""
    return name.strip()[:1].upper()


@register.simple_tag
def appearance_url() -> str:
    """Where the choice of theme and language is saved; empty where no such page exists."""
    try:
        return reverse("accounts:appearance")
    except NoReverseMatch:
        return ""
