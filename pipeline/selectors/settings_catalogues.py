"""The catalogues that deals are sorted by: what each of them is, and what stands in it.

One description a catalogue; the service, the forms and the pages read it. A seventh catalogue is
one more entry of CATALOGUES.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.formats import Style, number
from accounts.models import AuditEntry, Membership
from accounts.permissions import allows
from accounts.roles import Role
from pipeline.models import (
    Channel,
    Competitor,
    Deal,
    LossLevel,
    LostReason,
    Product,
    Rep,
    Source,
    Team,
)
from pipeline.permissions import DEAL_MOVE


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a catalogue is.

    `naming` is the field of its name, `extras` its other attributes. `counted` are those by which
    figures are sorted: changing one changes figures of the past. `deals` leads from a deal to its
    row; `same` is the attribute that two rows must share for a merge to change no figure ("":
    a merge always does; None: never).
    """

    slug: str  # in addresses
    noun: str  # in audit entries and sentences
    model: Any
    deals: str
    title: Any
    lead: Any
    add: Any
    empty: Any
    naming: str = "name"
    extras: tuple[str, ...] = ()
    counted: frozenset[str] = frozenset()
    same: str | None = ""
    details: tuple[Callable[[Any], str], ...] = ()
    related: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All attributes that can be changed."""
        return (self.naming, *self.extras)

    def name_of(self, row: Any) -> str:
        return str(getattr(row, self.naming))

    def deals_of(self, entry_id: int) -> Any:
        """The deals that are sorted under a row."""
        return Deal.objects.filter(**{self.deals: entry_id})


def channel_text(channel: str) -> str:
    """A channel for people."""
    return {Channel.INBOUND.value: _("Inbound"), Channel.OUTBOUND.value: _("Outbound")}.get(
        channel, _("Channel not known")
    )


def level_text(level: str) -> str:
    """The first level of a lost reason for people."""
    return {
        LossLevel.COMPETITOR.value: _("Competitor"),
        LossLevel.NO_DECISION.value: _("No decision"),
        LossLevel.OTHER.value: _("Other"),
    }.get(level, _("Unknown"))


def _signs_in(rep: Rep) -> str:
    return rep.membership.user.email if rep.membership else _("Does not sign in")


CATALOGUES: Mapping[str, Catalogue] = {
    c.slug: c
    for c in (
        Catalogue(
            slug="products",
            noun="product",
            model=Product,
            deals="product_id",
            title=gettext_lazy("Products"),
            lead=gettext_lazy("What is sold. Figures can be looked at by product."),
            add=gettext_lazy("Add a product"),
            empty=gettext_lazy("No products yet. Without them all deals count as one kind."),
            counted=frozenset({"name"}),
        ),
        Catalogue(
            slug="sources",
            noun="source",
            model=Source,
            deals="source_id",
            title=gettext_lazy("Sources"),
            lead=gettext_lazy(
                "Where deals come from. The channel says who moved first: inbound, the buyer came"
                " to you; outbound, you went to the buyer. Figures are shown apart by channel."
            ),
            add=gettext_lazy("Add a source"),
            empty=gettext_lazy("No sources yet. Without them no figure can be split by channel."),
            extras=("channel",),
            counted=frozenset({"name", "channel"}),
            details=(lambda row: channel_text(row.channel),),
        ),
        Catalogue(
            slug="lost-reasons",
            noun="lost_reason",
            model=LostReason,
            deals="lost_reason_id",
            title=gettext_lazy("Lost reasons"),
            lead=gettext_lazy(
                "Why deals are lost. Everybody is asked the first level; the reason below it is"
                " yours. Losses are added up by first level."
            ),
            add=gettext_lazy("Add a reason"),
            empty=gettext_lazy("No reasons yet. A loss is then recorded by its first level only."),
            naming="detail",
            extras=("level",),
            counted=frozenset({"level"}),
            same="level",
            details=(lambda row: level_text(row.level),),
        ),
        Catalogue(
            slug="competitors",
            noun="competitor",
            model=Competitor,
            deals="competitor_id",
            title=gettext_lazy("Competitors"),
            lead=gettext_lazy("Who wins the deals that you lose."),
            add=gettext_lazy("Add a competitor"),
            empty=gettext_lazy("No competitors yet. The first is added with a lost deal, or here."),
            same=None,
        ),
        Catalogue(
            slug="reps",
            noun="rep",
            model=Rep,
            deals="rep_id",
            title=gettext_lazy("Reps"),
            lead=gettext_lazy(
                "Who sells. A rep who signs in is linked to a member, and finds their own deals"
                " under Mine. One who has left is retired and keeps what they closed."
            ),
            add=gettext_lazy("Add a rep"),
            empty=gettext_lazy("No reps yet. Without them nobody owns a deal."),
            extras=("email", "team_id", "membership_id"),
            counted=frozenset({"name", "team_id"}),
            details=(lambda row: row.team.name if row.team else _("No team"), _signs_in),
            related=("team", "membership__user"),
        ),
        Catalogue(
            slug="teams",
            noun="team",
            model=Team,
            deals="rep__team_id",
            title=gettext_lazy("Teams"),
            lead=gettext_lazy("Reps in teams. A deal counts for the team that its rep is in."),
            add=gettext_lazy("Add a team"),
            empty=gettext_lazy(
                "No teams yet. Figures are then of the whole company or of one rep."
            ),
            counted=frozenset({"name"}),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A row of a catalogue, ready to print. `merged` names what it was merged into."""

    id: int
    name: str
    details: tuple[str, ...]
    counts: str
    deals: int
    open: int
    retired: bool
    merged: str = ""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """A catalogue: rows in use by name, and the retired ones."""

    rows: tuple[EntryRow, ...]
    retired: tuple[EntryRow, ...]


def _counts(deals: int, still_open: int, style: Style) -> str:
    if not deals:
        return _("No deals")
    said = ngettext("{n} deal, {open} open", "{n} deals, {open} open", deals)
    return said.format(n=number(deals, style), open=number(still_open, style))


def catalogue_page(*, catalogue: Catalogue, style: Style) -> CataloguePage:
    """What stands in a catalogue of the active company: three queries, however long it is."""
    counts = {
        pk: (deals, still_open)
        for pk, deals, still_open in Deal.objects.order_by()
        .values_list(catalogue.deals)
        .annotate(deals=Count("pk"), still_open=Count("pk", filter=Q(outcome=Deal.Outcome.OPEN)))
    }
    found = catalogue.model.objects.select_related(*catalogue.related).order_by(
        catalogue.naming, "pk"
    )
    merged = dict(
        AuditEntry.objects.filter(object_type=catalogue.noun, action=f"{catalogue.noun}.merged")
        .order_by("pk")
        .values_list("object_id", "after__into")
    )
    rows = [
        EntryRow(
            id=row.pk,
            name=catalogue.name_of(row),
            details=tuple(text(row) for text in catalogue.details),
            counts=_counts(*counts.get(row.pk, (0, 0)), style),
            deals=counts.get(row.pk, (0, 0))[0],
            open=counts.get(row.pk, (0, 0))[1],
            retired=row.retired_at is not None,
            merged=merged.get(row.pk, ""),
        )
        for row in found
    ]
    return CataloguePage(
        tuple(row for row in rows if not row.retired),
        tuple(row for row in rows if row.retired),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as its form needs it: `values` by attribute, as they are kept."""

    id: int
    name: str
    values: Mapping[str, Any]
    deals: int
    open: int
    retired: bool


def entry_of(*, catalogue: Catalogue, entry_id: int) -> Entry | None:
    """A row of a catalogue; None where there is none in this company."""
    row = catalogue.model.objects.filter(pk=entry_id).first()
    if row is None:
        return None
    deals = catalogue.deals_of(row.pk)
    return Entry(
        id=row.pk,
        name=catalogue.name_of(row),
        values={field: getattr(row, field) for field in catalogue.fields},
        deals=deals.count(),
        open=deals.filter(outcome=Deal.Outcome.OPEN).count(),
        retired=row.retired_at is not None,
    )


def entry_choices(
    *, catalogue: Catalogue, current: int | None = None, but: int | None = None
) -> tuple[tuple[int, str], ...]:
    """The rows in use by name, `but` left out; `current` stays even if it is retired."""
    rows = catalogue.model.objects.exclude(pk=but).order_by(catalogue.naming, "pk")
    return tuple(
        (row.pk, catalogue.name_of(row)) for row in rows if not row.retired_at or row.pk == current
    )


def member_choices(*, rep_id: int | None) -> tuple[tuple[int, str], ...]:
    """The members who may move deals and are nobody else's rep, by address."""
    taken = Rep.objects.exclude(pk=rep_id).exclude(membership=None).values("membership_id")
    rows: Sequence[Membership] = (
        Membership.objects.select_related("user").exclude(pk__in=taken).order_by("user__email")
    )
    return tuple((row.pk, row.user.email) for row in rows if allows(Role(row.role), DEAL_MOVE))
