"""A company's settings: what a change does to history, said before and done after."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company, Membership
from accounts.permissions import COMPANY_SETTINGS, allows
from accounts.retries import retry_deadlocks
from accounts.selectors.members import members
from accounts.services.companies import change_settings
from accounts.tenancy.context import require_company_id
from pipeline.models import Deal, StageTransition
from pipeline.services.dirty import mark_dirty
from pipeline.services.history import StaleVersion
from pipeline.services.local_days import count_days_anew
from pipeline.services.moves import final_before
from pipeline.services.refusals import both_values

MOST_AT_ONCE = 20_000  # moves whose days a page counts anew; more are an operator's command


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """What an owner may change about a company."""

    name: str
    timezone: str
    currency: str
    fiscal_year_start_month: int
    settle_days: int
    velocity_number: str
    velocity_cycle: str
    locale: str
    require_mfa: bool

    @classmethod
    def of(cls, company: Company) -> "CompanySettings":
        return cls(**{field: getattr(company, field) for field in cls.__slots__})


def consequences(*, company: Company, wanted: CompanySettings) -> tuple[str, ...]:
    """What saving would do to figures and people, one sentence each; none for a mere name."""
    kept = CompanySettings.of(company)
    said = []
    if wanted.timezone != kept.timezone:
        said.append(
            _(
                "Days are counted in {zone}. All {moves} moves keep their instant; some fall on"
                " another day. Quarters that run or settle are computed again, closed ones keep"
                " the days that they were closed with."
            ).format(zone=wanted.timezone, moves=StageTransition.objects.count())
        )
    if wanted.fiscal_year_start_month != kept.fiscal_year_start_month:
        said.append(
            _(
                "The fiscal year starts in another month. Quarters that run or settle are cut"
                " anew and computed again; closed ones keep their months and names, so one quarter"
                " may overlap the last of them."
            )
        )
    if wanted.settle_days != kept.settle_days:
        said.append(
            _(
                "A quarter closes {n} days after its end. Quarters that are closed already stay"
                " closed."
            ).format(n=wanted.settle_days)
        )
    if (wanted.velocity_number, wanted.velocity_cycle) != (
        kept.velocity_number,
        kept.velocity_cycle,
    ):
        said.append(
            _(
                "Velocity is read the new way everywhere, for past quarters too. The counts and"
                " days that it is made of stay as they are stored."
            )
        )
    if wanted.require_mfa and not kept.require_mfa:
        without = sum(not member.second_factor for member in members(user_id=0))
        said.append(
            _(
                "Members need a second factor. {n} have none yet: their next page asks them to set"
                " one up."
            ).format(n=without)
        )
    if kept.require_mfa and not wanted.require_mfa:
        said.append(_("A password alone lets members in who have no second factor."))
    return tuple(said)


def refuse_stale(
    *, kept: CompanySettings, seen: CompanySettings | None, wanted: CompanySettings
) -> None:
    """Raise StaleVersion, with both values, where the settings are others than those seen."""
    if seen is None or seen == kept:
        return
    words = {
        "name": _("Name"),
        "timezone": _("Time zone"),
        "currency": _("Currency"),
        "fiscal_year_start_month": _("The start of the fiscal year"),
        "settle_days": _("Days until a quarter closes"),
        "velocity_number": _("What velocity counts"),
        "velocity_cycle": _("The sales cycle"),
        "locale": _("Language and region"),
        "require_mfa": _("The second factor"),
    }
    told = both_values(
        (words[field], _shown(field, getattr(kept, field)), _shown(field, getattr(wanted, field)))
        for field in words
        if getattr(kept, field) != getattr(wanted, field)
    )
    raise StaleVersion(
        _(
            "Somebody else changed these settings while you were looking. {told}."
            " Nothing was changed; look at it and decide again."
        ).format(told=told or _("Your values are the same"))
    )


def _shown(field: str, value: Any) -> str:
    if field == "fiscal_year_start_month":
        return str(MONTHS[value])
    if field == "velocity_number":
        return str(Company.VelocityNumber(value).label)
    if field == "velocity_cycle":
        return str(Company.VelocityCycle(value).label)
    if field == "require_mfa":
        return _("needed") if value else _("not needed")
    return str(value)


@retry_deadlocks
def change_company(
    *,
    by: Actor,
    wanted: CompanySettings,
    now: datetime,
    most: int | None = MOST_AT_ONCE,
    seen: CompanySettings | None = None,
) -> Company:
    """Save the active company's settings and bring what hangs on them up to date.

    seen: what the screen showed. Where it is something else by now, nothing is overwritten.
    A new time zone moves the local days of all facts (at most of `most` moves, None for any
    number). Quarters that are not final are marked; final ones keep what they were closed with.
    """
    with transaction.atomic():
        company = Company.objects.select_for_update().get(pk=require_company_id())
        _check_right(by)
        kept = CompanySettings.of(company)
        refuse_stale(kept=kept, seen=seen, wanted=wanted)
        _check_currency(kept, wanted)
        open_from = final_before(company=company, now=now)
        change_settings(by=by, company=company, values=asdict(wanted), now=now)
        if wanted.timezone != kept.timezone:
            _check_size(wanted, most)
            count_days_anew(company=company)
        if _touches_figures(kept, wanted):
            since = [day for day in (open_from, final_before(company=company, now=now)) if day]
            mark_dirty(company=company, since=min(since), now=now)
    return company


def _check_right(by: Actor) -> None:
    """The right is read again behind the lock."""
    if by.user_id is None:
        return
    own = Membership.objects.filter(user_id=by.user_id).first()
    if own is None or not allows(Actor.member(own).role, COMPANY_SETTINGS):  # type: ignore[arg-type]
        raise NotAllowed(_("Only an owner changes the settings of this workspace."))


def _check_currency(kept: CompanySettings, wanted: CompanySettings) -> None:
    if wanted.currency != kept.currency and Deal.objects.exists():
        raise DomainError(
            _(
                "The currency stays {currency}: there are deals, and their sums were closed in it."
            ).format(currency=kept.currency)
        )


def _check_size(wanted: CompanySettings, most: int | None) -> None:
    if most is not None and StageTransition.objects.all()[most:].exists():
        raise DomainError(
            _(
                "There are more than {most} moves. Ask whoever runs Leverpoint for `manage.py"
                " change_timezone` with {timezone}."
            ).format(most=most, timezone=wanted.timezone)
        )


def _touches_figures(kept: CompanySettings, wanted: CompanySettings) -> bool:
    about_people = {"name", "locale", "require_mfa"}
    before, after = asdict(kept), asdict(wanted)
    return any(before[name] != after[name] for name in before.keys() - about_people)
