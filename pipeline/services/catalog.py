"""The catalogues: add, rename, merge, retire and bring back, one way for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.retries import retry_deadlocks
from accounts.services.audit import record_audit
from pipeline import rules
from pipeline.models import SavedSegment
from pipeline.selectors.settings_catalogues import Catalogue, channel_text, level_text
from pipeline.services import people
from pipeline.services.handing_over import give_deals
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import both_values, refuse
from pipeline.services.rewriting import NOTHING, Rewriting, mark, rewriting, said

# What figures call a deal that is sorted under nothing.
_RESERVED = "unknown"


def _taken(name: str) -> DomainError:
    return DomainError(
        _("{name} is here already. Choose another name, or merge the two.").format(name=name)
    )


@dataclass(frozen=True, slots=True)
class Merged:
    """A row that went into another, with so many deals."""

    name: str
    into: str
    deals: int


def _shape(catalogue: Catalogue, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept: trimmed, an e-mail address in small letters."""
    unknown = set(values) - set(catalogue.fields)
    if unknown:
        raise TypeError(f"a {catalogue.noun} has no {', '.join(sorted(unknown))}")
    shaped = {k: " ".join(v.split()) if isinstance(v, str) else v for k, v in values.items()}
    refuse(rules.unkeepable(*(v for v in shaped.values() if isinstance(v, str))))
    if "email" in shaped:
        shaped["email"] = shaped["email"].lower()
    if catalogue.naming in shaped:
        name = shaped[catalogue.naming]
        if not name:
            raise DomainError(_("It needs a name."))
        if name.casefold() == _RESERVED and catalogue.naming in catalogue.counted:
            raise DomainError(_("Figures call deals without any so. Choose another name."))
    return shaped


def _check(catalogue: Catalogue, row: Any, fields: Mapping[str, Any]) -> None:
    """Refuse what the tables refuse, in words."""
    if catalogue.naming in fields:
        name = catalogue.name_of(row)
        twins = catalogue.model.objects.filter(**{f"{catalogue.naming}__iexact": name})
        if twins.exclude(pk=row.pk).exists():
            raise _taken(name)
    if catalogue.noun == "rep":
        people.check_rep(fields, but=row.pk)
    plain = {f for f in fields if not f.endswith("_id")}
    rest = {f.name for f in row._meta.fields} - plain
    try:
        row.full_clean(validate_unique=False, validate_constraints=False, exclude=rest)
    except ValidationError as error:
        sentences = [" ".join(m for e in told for m in e.messages) for told in
                     error.error_dict.values()]  # fmt: skip
        raise DomainError(" ".join(sentences)) from error


def _save(catalogue: Catalogue, row: Any, **how: Any) -> None:
    """Save; somebody may have taken the name, or the member, at the same moment."""
    try:
        with transaction.atomic():
            row.save(**how)
    except IntegrityError as error:
        raise _taken(catalogue.name_of(row)) from error


def _locked(catalogue: Catalogue, entry_id: int) -> Any:
    row = catalogue.model.objects.select_for_update().filter(pk=entry_id).first()
    if row is None:
        raise NotFound(_("This entry does not exist."))
    return row


def _audit(by: Actor, now: datetime, catalogue: Catalogue, verb: str, pk: int, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"{catalogue.noun}.{verb}",
        object_type=catalogue.noun,
        object_id=pk,
        **what,
    )


def add_entry(*, by: Actor, catalogue: Catalogue, values: Mapping[str, Any], now: datetime) -> Any:
    """Add a row to a catalogue and return it. No figure changes: nothing is sorted under it."""
    kept = _shape(catalogue, values)
    with transaction.atomic():
        row = catalogue.model(**kept)
        _check(catalogue, row, kept)
        _save(catalogue, row)
        _audit(by, now, catalogue, "added", row.pk, after=kept)
    return row


def change_rewrites(
    *, catalogue: Catalogue, entry_id: int, values: Mapping[str, Any], now: datetime
) -> Rewriting:
    """The closed quarters that these values of a row would restate."""
    row = catalogue.model.objects.filter(pk=entry_id).first()
    if row is None:
        return NOTHING
    kept = _shape(catalogue, values)
    return _plan(catalogue, entry_id, {f for f in kept if getattr(row, f) != kept[f]}, now)


def _plan(catalogue: Catalogue, entry_id: int, fields: set[str], now: datetime) -> Rewriting:
    if not fields & catalogue.counted:
        return NOTHING
    return rewriting(deals=catalogue.deals_of(entry_id), now=now)


@retry_deadlocks
def change_entry(
    *,
    by: Actor,
    catalogue: Catalogue,
    entry_id: int,
    values: Mapping[str, Any],
    now: datetime,
    seen: Mapping[str, Any] | None = None,
) -> Any:
    """Rename a row or change its attributes; unchanged values write nothing.

    seen: what the screen showed. If it is something else by now, nothing is overwritten.
    """
    kept = _shape(catalogue, values)
    with transaction.atomic():
        row = _locked(catalogue, entry_id)
        before = {f: getattr(row, f) for f in kept}
        differing = {f for f in kept if before[f] != kept[f]}
        if not differing:
            return row
        if seen is not None and any(seen.get(f) != before[f] for f in kept):
            raise StaleVersion(_both(catalogue, before, kept))
        plan = _plan(catalogue, entry_id, differing, now)
        for field in differing:
            setattr(row, field, kept[field])
        _check(catalogue, row, {f: kept[f] for f in differing})
        _save(catalogue, row, update_fields=[f.removesuffix("_id") for f in sorted(differing)])
        _audit(
            by,
            now,
            catalogue,
            "changed",
            row.pk,
            before={f: before[f] for f in sorted(differing)},
            after={
                **{f: kept[f] for f in sorted(differing)},
                "name": catalogue.name_of(row),
                **said(plan),
            },
        )
        mark(plan=plan, now=now)
    return row


def _both(catalogue: Catalogue, theirs: Mapping[str, Any], yours: Mapping[str, Any]) -> str:
    words = {
        catalogue.naming: _("The name"),
        "channel": _("The channel"),
        "level": _("The first level"),
        "email": _("The e-mail address"),
    }
    told = both_values(
        (words[f], _shown(f, theirs[f]), _shown(f, yours[f]))
        for f in yours
        if f in words and theirs[f] != yours[f]
    )
    return _(
        "Somebody else changed this while you were looking. {told}."
        " Nothing was changed; look at it and decide again."
    ).format(told=told or _("Its links are others now"))


def _shown(field: str, value: Any) -> str:
    words: dict[str, Callable[[str], str]] = {"channel": channel_text, "level": level_text}
    return words[field](value) if field in words else str(value or "")


def retire_entry(*, by: Actor, catalogue: Catalogue, entry_id: int, now: datetime) -> Any:
    """Take a row out of use: nobody can choose it any more, and its deals keep it."""
    with transaction.atomic():
        row = _locked(catalogue, entry_id)
        if row.retired_at is None:
            row.retired_at = now
            row.save(update_fields=["retired_at"])
            _audit(by, now, catalogue, "retired", row.pk, after={"name": catalogue.name_of(row)})
    return row


def restore_entry(*, by: Actor, catalogue: Catalogue, entry_id: int, now: datetime) -> Any:
    """Bring a retired row back into use."""
    with transaction.atomic():
        row = _locked(catalogue, entry_id)
        if row.retired_at is not None:
            row.retired_at = None
            row.save(update_fields=["retired_at"])
            _audit(by, now, catalogue, "restored", row.pk, after={"name": catalogue.name_of(row)})
    return row


def merge_rewrites(
    *, catalogue: Catalogue, entry_id: int, into_id: int, now: datetime
) -> Rewriting:
    """The closed quarters that a merge of one row into another would restate."""
    if catalogue.same is None:
        return NOTHING
    if catalogue.same:
        kinds = catalogue.model.objects.filter(pk__in=(entry_id, into_id))
        if kinds.values(catalogue.same).distinct().count() < 2:
            return NOTHING
    return rewriting(deals=catalogue.deals_of(entry_id), now=now)


@retry_deadlocks
def merge_entries(
    *, by: Actor, catalogue: Catalogue, entry_id: int, into_id: int, now: datetime
) -> Merged:
    """Merge a row into another one in use: its deals go there, with a row of history each.

    What was merged stays as a retired row, so that history can name it; saved filters follow.
    """
    with transaction.atomic():
        rows = {
            row.pk: row
            for row in catalogue.model.objects.select_for_update()
            .filter(pk__in=(entry_id, into_id))
            .order_by("pk")
        }
        if entry_id not in rows or into_id not in rows:
            raise NotFound(_("This entry does not exist."))
        left, into = rows[entry_id], rows[into_id]
        if left.pk == into.pk or into.retired_at is not None:
            raise DomainError(_("Choose another one, which is in use, to merge it into."))
        plan = merge_rewrites(catalogue=catalogue, entry_id=left.pk, into_id=into.pk, now=now)
        join: dict[str, Any] = {"rep": people.join_reps, "team": people.join_teams}
        deals = catalogue.deals_of(left.pk).count()
        more = join[catalogue.noun](by=by, left=left, into=into, now=now) if (
            catalogue.noun in join
        ) else {}  # fmt: skip
        if catalogue.noun != "team":
            deals = give_deals(
                by=by,
                deals=catalogue.deals_of(left.pk),
                field=catalogue.deals,
                before=left.pk,
                after=into.pk,
                origin="merge",
                now=now,
            )
        if left.retired_at is None:
            left.retired_at = now
            left.save(update_fields=["retired_at"])
        elif not deals and not more:
            return Merged(catalogue.name_of(left), catalogue.name_of(into), 0)
        _follow(catalogue, left.pk, into.pk)
        _audit(
            by,
            now,
            catalogue,
            "merged",
            left.pk,
            before={"name": catalogue.name_of(left)},
            after={
                "into": catalogue.name_of(into),
                "into_id": into.pk,
                "deals": deals,
                **more,
                **said(plan),
            },
        )
        mark(plan=plan, now=now)
        return Merged(catalogue.name_of(left), catalogue.name_of(into), deals)


def _follow(catalogue: Catalogue, left: int, into: int) -> None:
    """Saved filters by the merged row are filters by the one that stays."""
    told = f"{catalogue.noun}={left}"
    for segment in SavedSegment.objects.select_for_update().filter(query__contains=told):
        pairs = parse_qsl(segment.query)
        query = urlencode(
            [(k, str(into) if (k, v) == (catalogue.noun, str(left)) else v) for k, v in pairs]
        )
        if query != segment.query:
            segment.query = query
            segment.save(update_fields=["query"])
