"""The material of one deal: what was sent and opened, by whom and when, and its links."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from pipeline.models import Contact, Deal, Material, MaterialUse, TrackedLink
from pipeline.selectors.link_tokens import token_of
from pipeline.selectors.material_filters import kind_icon, kind_text

_USES = 500


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link of the deal. `url` is empty where it was revoked or cannot be shown."""

    id: int
    url: str
    contact: str
    made: str
    opened: str  # "Opened by 2 readers, last on 4 Sep"; "Not opened yet"
    revoked: str  # the day; "" while it leads somewhere
    uncounted: bool  # its contact is not to be tracked
    lost: bool  # it stands, and its address cannot be shown any more


@dataclass(frozen=True, slots=True)
class DealMaterialRow:
    """One material in the deal: lines of what was sent, and its links."""

    id: int
    title: str
    icon: str
    kind: str
    sent: tuple[str, ...]
    links: tuple[LinkRow, ...]


@dataclass(frozen=True, slots=True)
class DealMaterial:
    """What was given to the buyers of a deal, the latest used first."""

    deal_id: int
    deal: str
    rows: tuple[DealMaterialRow, ...]


def deal_material(
    *,
    deal_id: int,
    style: Style,
    zone: ZoneInfo,
    today: date,
    address: Callable[[str], str],
) -> DealMaterial | None:
    """The material of a deal in this company; None where there is no such deal.

    `address` makes a link's address of its token. Four queries, whatever was sent.
    """
    deal: Deal | None = Deal.objects.only("id", "name").filter(pk=deal_id).first()
    if deal is None:
        return None
    uses = list(
        MaterialUse.objects.select_related("contact", "recorded_by")
        .filter(deal_id=deal_id)
        .order_by("-happened_at", "-pk")[:_USES]
    )
    links = list(
        TrackedLink.objects.select_related("contact").filter(deal_id=deal_id).order_by("-pk")
    )
    ids = list(dict.fromkeys([use.material_id for use in uses] + [x.material_id for x in links]))
    materials = Material.objects.in_bulk(ids)

    def day(value: date | datetime) -> str:
        local = value.astimezone(zone).date() if isinstance(value, datetime) else value
        return formats.day(local, style, today=today)

    opened: dict[int, list[MaterialUse]] = defaultdict(list)
    sent: dict[int, list[str]] = defaultdict(list)
    for use in uses:
        if use.kind == MaterialUse.Kind.SENT:
            sent[use.material_id].append(_sent(use, day))
        elif use.link_id is not None:
            opened[use.link_id].append(use)
    made: dict[int, list[LinkRow]] = defaultdict(list)
    for link in links:
        made[link.material_id].append(_link(link, opened[link.pk], day, address))
    return DealMaterial(
        deal_id=deal.pk,
        deal=deal.name,
        rows=tuple(
            DealMaterialRow(
                id=pk,
                title=materials[pk].title,
                icon=kind_icon(materials[pk].kind),
                kind=kind_text(materials[pk].kind),
                sent=tuple(sent[pk]),
                links=tuple(made[pk]),
            )
            for pk in ids
        ),
    )


def _sent(use: MaterialUse, day: Callable[[date], str]) -> str:
    who = str(use.recorded_by) if use.recorded_by else _("an import")
    said = (
        _("Sent to {contact} by {who}, {day}")
        if use.contact is not None
        else _("Sent by {who}, {day}")
    )
    text = said.format(contact=use.contact, who=who, day=day(use.happened_on))
    return f"{text} · {use.edition}" if use.edition else text


def _link(
    link: TrackedLink,
    uses: list[MaterialUse],
    day: Callable[[date | datetime], str],
    address: Callable[[str], str],
) -> LinkRow:
    token = token_of(link) if link.revoked_at is None else None
    readers = len({use.reader for use in uses})
    if uses:
        said = ngettext(
            "Opened by {n} reader, last on {day}", "Opened by {n} readers, last on {day}", readers
        )
        opened = said.format(n=readers, day=day(uses[0].happened_on))
    else:
        opened = _("Not opened yet")
    return LinkRow(
        id=link.pk,
        url=address(token) if token else "",
        contact=link.contact.name if link.contact else "",
        made=day(link.created_at),
        opened=opened,
        revoked=day(link.revoked_at) if link.revoked_at else "",
        uncounted=link.contact is not None and link.contact.do_not_track,
        lost=link.revoked_at is None and token is None,
    )


@dataclass(frozen=True, slots=True)
class SendChoices:
    """What can be sent in a deal, and to whom: (id, text)."""

    deal_id: int
    deal: str
    rep_id: int | None
    materials: tuple[tuple[int, str], ...]  # those for the deal's stage first
    here: int  # how many of them are for the deal's stage
    contacts: tuple[tuple[int, str], ...]


def send_choices(*, deal_id: int) -> SendChoices | None:
    """The choices of the form that sends material; None where there is no such deal."""
    deal: Deal | None = Deal.objects.filter(pk=deal_id).first()
    if deal is None:
        return None
    rows = list(
        Material.objects.filter(retired_at=None)
        .order_by("title", "pk")
        .values_list("pk", "title", "stage_id", "edition")
    )
    rows.sort(key=lambda row: row[2] != deal.stage_id)  # stable: titles stay in order
    contacts = Contact.objects.filter(
        Q(customer_id=deal.customer_id) & Q(retired_at=None) & Q(customer__isnull=False)
    ).order_by("name", "pk")
    return SendChoices(
        deal_id=deal.pk,
        deal=deal.name,
        rep_id=deal.rep_id,
        materials=tuple(
            (pk, f"{title} ({edition})" if edition else title) for pk, title, _s, edition in rows
        ),
        here=sum(row[2] == deal.stage_id for row in rows),
        contacts=tuple(contacts.values_list("pk", "name")),
    )
