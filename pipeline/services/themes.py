"""Themes: add, rename, merge into another, retire and bring back."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.services.audit import record_audit
from pipeline.models import Theme
from pipeline.selectors.themes import THEMES
from pipeline.services.catalog import Merged, add_entry, change_entry, retire_entry
from pipeline.services.history import NotFound


def _check_manager(by: Actor) -> None:
    if not by.manages:
        raise NotAllowed(_("Managers keep the list of themes. Ask one of them."))


def add_theme(*, by: Actor, name: str, now: datetime) -> Theme:
    """Add a theme to the list."""
    _check_manager(by)
    added: Theme = add_entry(by=by, catalogue=THEMES, values={"name": name}, now=now)
    return added


def named_theme(*, by: Actor, name: str, now: datetime) -> Theme:
    """The theme that a typed name means, letters' case aside; a new one where there is none.

    A merged name means the theme that it went into. A retired one is told. Whoever adds a
    finding may name a theme, so no right is asked for here.
    """
    plain = " ".join(name.split())
    found = _by_name(plain)
    if found is None:
        try:
            with transaction.atomic():
                made: Theme = add_entry(by=by, catalogue=THEMES, values={"name": plain}, now=now)
                return made
        except DomainError:
            # Somebody else may have added it at the same moment.
            found = _by_name(plain)
            if found is None:
                raise
    if found.merged_into_id is not None:
        heir: Theme = Theme.objects.get(pk=found.merged_into_id)
        found = heir
    if found.retired_at is not None:
        raise DomainError(
            _("The theme {name} is retired. Choose another, or have a manager bring it back.")
            .format(name=found.name)
        )  # fmt: skip
    return found


def _by_name(name: str) -> Theme | None:
    # What no database keeps is refused in words by the one who adds it.
    if "\x00" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        return None
    rows = Theme.objects.filter(name__iexact=name).order_by("id")
    return min(rows, key=lambda row: (row.name != name, row.pk), default=None)


def rename_theme(
    *, by: Actor, theme_id: int, name: str, now: datetime, seen: str | None = None
) -> Theme:
    """Give a theme another name. `seen`: the name on the screen; another one by now is told."""
    _check_manager(by)
    renamed: Theme = change_entry(
        by=by,
        catalogue=THEMES,
        entry_id=theme_id,
        values={"name": name},
        now=now,
        seen=None if seen is None else {"name": seen},
    )
    return renamed


def merge_theme(*, by: Actor, theme_id: int, into_id: int, now: datetime) -> Merged:
    """Merge a theme into another one in use; what had it has the other one from now on.

    Findings and material keep their rows: readers follow `merged_into`, which is always flat,
    so themes merged into this one before go along. `restore_theme` parts the two again.
    """
    _check_manager(by)
    with transaction.atomic():
        rows = {
            row.pk: row
            for row in Theme.objects.select_for_update()
            .filter(pk__in=(theme_id, into_id))
            .order_by("pk")
        }
        if theme_id not in rows or into_id not in rows:
            raise NotFound(_("This entry does not exist."))
        left, into = rows[theme_id], rows[into_id]
        if left.pk == into.pk or into.retired_at is not None:
            raise DomainError(_("Choose another one, which is in use, to merge it into."))
        if left.merged_into_id is not None:
            raise DomainError(_("{name} was merged already.").format(name=left.name))
        Theme.objects.filter(merged_into_id=left.pk).update(merged_into=into)
        left.merged_into = into
        left.retired_at = left.retired_at or now
        left.save(update_fields=["merged_into", "retired_at"])
        record_audit(
            by=by,
            at=now,
            action="theme.merged",
            object_type="theme",
            object_id=left.pk,
            before={"name": left.name},
            after={"into": into.name, "into_id": into.pk},
        )
    return Merged(left.name, into.name, 0)


def retire_theme(*, by: Actor, theme_id: int, now: datetime) -> Theme:
    """Take a theme out of use: nobody can choose it any more, and what has it keeps it."""
    _check_manager(by)
    retired: Theme = retire_entry(by=by, catalogue=THEMES, entry_id=theme_id, now=now)
    return retired


def restore_theme(*, by: Actor, theme_id: int, now: datetime) -> Theme:
    """Bring a theme back, a merged one with all that it had itself."""
    _check_manager(by)
    with transaction.atomic():
        row: Theme | None = Theme.objects.select_for_update().filter(pk=theme_id).first()
        if row is None:
            raise NotFound(_("This entry does not exist."))
        if row.retired_at is not None:
            row.retired_at = None
            row.merged_into = None
            row.save(update_fields=["retired_at", "merged_into"])
            record_audit(
                by=by,
                at=now,
                action="theme.restored",
                object_type="theme",
                object_id=row.pk,
                after={"name": row.name},
            )
    return row
