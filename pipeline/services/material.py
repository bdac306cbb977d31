"""Enablement material: add, change, retire and bring back. Sending it is sending.py's."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Membership
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import Material, Stage, Theme
from pipeline.services.history import NotFound, StaleVersion, wait_for_key
from pipeline.services.link_address import kept_address
from pipeline.services.refusals import refuse
from pipeline.services.themes import named_theme

TITLE_LENGTH = 200
EDITION_LENGTH = 60
ABOUT_LENGTH = 500
FIELDS = ("title", "kind", "address", "edition", "about", "stage", "theme", "owner", "review_by")


@dataclass(frozen=True, slots=True)
class MaterialValues:
    """What a material says about itself; `theme` is a name, a new one is added to the list.

    Without a stage it is for any stage; without an address it is sent as a file.
    """

    title: str
    kind: str = Material.Kind.ARTICLE.value
    address: str = ""
    edition: str = ""
    about: str = ""
    stage_id: int | None = None
    theme: str = ""
    owner_id: int | None = None
    review_by: date | None = None


def add_material(*, by: Actor, values: MaterialValues, now: datetime) -> Material:
    """Add a material. Exactly the same one again adds nothing; another of its title is refused."""
    _check_manager(by)
    values = _kept(values)
    with transaction.atomic():
        wait_for_key("material titles")  # two of one title wait for each other
        twin = Material.objects.select_related("stage", "theme", "owner")
        twin = twin.filter(title__iexact=values.title).first()
        if twin is not None:
            if _same(twin, values):
                found: Material = twin
                return found
            raise _taken(twin)
        material = Material(created_at=now, created_by_id=by.user_id)
        _apply(material, values, by=by, now=now)
        material.save()
        after = {name: value for name, value in _told(material).items() if value}
        _audit(by, now, "material.added", material, before={}, after=after)
    return material


def change_material(
    *, by: Actor, material_id: int, values: MaterialValues, version: int, now: datetime
) -> Material:
    """Change what a material says; unchanged values write nothing.

    `version` is the one that the screen showed: if somebody changed it since, that is told and
    nothing is overwritten. Links keep the address that they were made with.
    """
    _check_manager(by)
    values = _kept(values)
    with transaction.atomic():
        wait_for_key("material titles")
        material = _locked(material_id)
        if material.version != version:
            raise StaleVersion(
                _(
                    "{title} was changed while you were looking. Your values stand in the form;"
                    " look at what is there now and save again if you still want them."
                ).format(title=material.title)
            )
        twin = Material.objects.filter(title__iexact=values.title).exclude(pk=material_id).first()
        if twin is not None:
            raise _taken(twin)
        before = _told(material)
        _apply(material, values, by=by, now=now)
        after = _told(material)
        differing = [name for name in FIELDS if before[name] != after[name]]
        if differing:
            material.version += 1
            material.save()
            _audit(
                by,
                now,
                "material.changed",
                material,
                before={name: before[name] for name in differing},
                after={name: after[name] for name in differing},
            )
    return material


def retire_material(*, by: Actor, material_id: int, now: datetime) -> Material:
    """Take a material out of use: it can no longer be sent. Links that were sent still work."""
    return _set_retired(by=by, material_id=material_id, now=now, at=now)


def restore_material(*, by: Actor, material_id: int, now: datetime) -> Material:
    """Bring a retired material back into use."""
    return _set_retired(by=by, material_id=material_id, now=now, at=None)


def _set_retired(*, by: Actor, material_id: int, now: datetime, at: datetime | None) -> Material:
    _check_manager(by)
    with transaction.atomic():
        material = _locked(material_id)
        if (material.retired_at is None) != (at is None):
            material.retired_at = at
            material.version += 1
            material.save(update_fields=["retired_at", "version"])
            action = "material.restored" if at is None else "material.retired"
            _audit(by, now, action, material, before={}, after={"title": material.title})
    return material


def _check_manager(by: Actor) -> None:
    if not by.manages:
        raise NotAllowed(_("Managers keep the list of material. Ask one of them."))


def _kept(values: MaterialValues) -> MaterialValues:
    """The values as they are kept: one space between words, within their lengths."""
    refuse(rules.unkeepable(values.title, values.edition, values.about, values.theme))
    kept = replace(
        values,
        title=" ".join(values.title.split()),
        edition=" ".join(values.edition.split()),
        about=values.about.strip(),
        theme=" ".join(values.theme.split()),
        address=kept_address(values.address),
    )
    if not kept.title:
        raise DomainError(_("Material needs a title."))
    for text, most, word in (
        (kept.title, TITLE_LENGTH, _("title")),
        (kept.edition, EDITION_LENGTH, _("edition")),
        (kept.about, ABOUT_LENGTH, _("description")),
    ):
        if len(text) > most:
            said = _("The {fact} has more than {most} characters. Shorten it.")
            raise DomainError(said.format(fact=word, most=most))
    if kept.kind not in Material.Kind.values:
        raise DomainError(_("Choose what kind of material it is."))
    return kept


def _apply(material: Material, values: MaterialValues, *, by: Actor, now: datetime) -> None:
    """Set the checked values on the row. What is retired may stay where it stands already."""
    if values.stage_id != material.stage_id:
        material.stage = _stage(values.stage_id)
    if values.owner_id != material.owner_id:
        member = Membership.objects.filter(user_id=values.owner_id).select_related("user").first()
        if values.owner_id is not None and member is None:
            raise NotFound(_("This member does not exist."))
        material.owner = member.user if member else None
    if values.theme.casefold() != _theme_name(material.theme).casefold():
        theme = named_theme(by=by, name=values.theme, now=now) if values.theme else None
        material.theme = theme
    material.title = values.title
    material.kind = values.kind
    material.address = values.address
    material.edition = values.edition
    material.about = values.about
    material.review_by = values.review_by


def _stage(stage_id: int | None) -> Stage | None:
    if stage_id is None:
        return None
    found: Stage | None = Stage.objects.filter(pk=stage_id).first()
    if found is None:
        raise NotFound(_("This stage does not exist."))
    if found.kind != Stage.Kind.OPEN or found.retired_at is not None:
        raise DomainError(_("Choose a stage that is in use, and not won or lost."))
    return found


def _theme_name(theme: Theme | None) -> str:
    """The name that a theme goes by now; a merged one goes by that of its heir."""
    if theme is None:
        return ""
    return str((theme.merged_into or theme).name)


def _same(material: Material, values: MaterialValues) -> bool:
    return material.retired_at is None and (
        material.title,
        material.kind,
        material.address,
        material.edition,
        material.about,
        material.stage_id,
        _theme_name(material.theme).casefold(),
        material.owner_id,
        material.review_by,
    ) == (
        values.title,
        values.kind,
        values.address,
        values.edition,
        values.about,
        values.stage_id,
        values.theme.casefold(),
        values.owner_id,
        values.review_by,
    )


def _taken(twin: Material) -> DomainError:
    said = (
        _("There is material called {title} already, and it is retired. Bring that one back.")
        if twin.retired_at is not None
        else _("There is material called {title} already. Change that one.")
    )
    return DomainError(said.format(title=twin.title))


def _told(material: Material) -> dict[str, Any]:
    """What it says, as its history keeps it: names, which outlive every row."""
    return {
        "title": material.title,
        "kind": material.kind,
        "address": material.address,
        "edition": material.edition,
        "about": material.about,
        "stage": material.stage.name if material.stage else "",
        "theme": _theme_name(material.theme),
        "owner": str(material.owner) if material.owner else "",
        "review_by": material.review_by.isoformat() if material.review_by else "",
    }


def _locked(material_id: int) -> Material:
    found: Material | None = (
        Material.objects.select_for_update(of=("self",))
        .select_related("stage", "theme__merged_into", "owner")
        .filter(pk=material_id)
        .first()
    )
    if found is None:
        raise NotFound(_("This material does not exist."))
    return found


def _audit(
    by: Actor,
    now: datetime,
    action: str,
    material: Material,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="material",
        object_id=material.pk,
        before=before,
        after=after,
    )
