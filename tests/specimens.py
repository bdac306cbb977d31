"""One row of every tenant model, made by introspection: a model of tomorrow is covered too.

Every field is filled, the nullable keys included, so that each composite key can be tried.
What introspection cannot guess stands in SPECIAL.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.apps import apps
from django.db import models, transaction

from accounts.actors import Actor
from accounts.models import Company, User
from accounts.services.companies import create_company
from accounts.tenancy.context import company_context
from accounts.tenancy.models import TenantForeignKey, TenantModel

AT = datetime(2026, 2, 17, 10, 30, tzinfo=UTC)
CANARY = "canary"

# Values that a constraint asks for. A field that no longer exists makes the maker fail.
SPECIAL: dict[str, dict[str, Any]] = {
    "pipeline.Stage": {"kind": "open", "retired_at": None},
    "pipeline.ExchangeRate": {"month": date(2026, 2, 1)},
    "metrics.Snapshot": {"status": "running", "version": 0},
    "metrics.DangerPoint": {"closed_at": None},
    "metrics.SignOff": {"countersigns": None},
    "metrics.Scenario": {"withdrawn_at": None},
}

# What a constraint asks of a row that points to another through a key which SPECIAL leaves empty.
WITH_KEY: dict[tuple[str, str], dict[str, Any]] = {
    ("metrics.SignOff", "countersigns"): {"kind": "countersigned"},
}

_numbers = count(1)


def tenant_models() -> list[type[TenantModel]]:
    """Every concrete model whose rows belong to one company, parents before children."""
    found = [m for m in apps.get_models() if issubclass(m, TenantModel)]
    ordered: list[type[TenantModel]] = []
    while found:
        ready = [m for m in found if all(f.related_model in {*ordered, m} for f in tenant_keys(m))]
        assert ready, f"keys in a circle: {found}"
        ordered += ready
        found = [m for m in found if m not in ready]
    return ordered


def tenant_keys(model: type[models.Model]) -> list[TenantForeignKey]:
    """The keys of a model to rows of the same company."""
    return [f for f in model._meta.get_fields() if isinstance(f, TenantForeignKey)]


def field_values(
    model: type[TenantModel], *, company: Company, user: User, parents: dict[type, Any]
) -> dict[str, Any]:
    """Values for every field of a new row; `parents` has a row for each model it points to."""
    n = next(_numbers)
    special = SPECIAL.get(model._meta.label, {})
    unknown = set(special) - {f.name for f in model._meta.concrete_fields}
    assert not unknown, f"SPECIAL names {unknown}, which {model._meta.label} does not have"
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.primary_key:
            continue
        if field.name in special:
            values[field.name] = special[field.name]
        elif field.name == "company":
            values["company"] = company
        elif isinstance(field, TenantForeignKey):
            if field.related_model is not model:
                values[field.name] = parents[field.related_model]
        elif isinstance(field, models.ForeignKey):
            assert field.related_model is User, f"{field} points outside the company"
            values[field.name] = user
        else:
            values[field.name] = _value(field, n)
    return values


def _value(field: models.Field, n: int) -> Any:
    if field.choices:
        return next(value for value, _ in field.choices if value)
    match field:
        case models.EmailField():
            return f"{CANARY}{n}@example.com"
        case models.CharField() | models.TextField():
            return f"{CANARY}-{n}"[: field.max_length or 40]
        case models.BooleanField():
            return True
        case models.DecimalField():
            return Decimal(n % 1000 + 1)
        case models.FloatField():
            return float(n % 1000 + 1)
        case models.PositiveSmallIntegerField():
            return n % 900 + 1  # a stage's position has three digits at most
        case models.IntegerField():
            return n % 32_000
        case models.DateTimeField():
            return AT
        case models.DateField():
            return AT.date()
        case models.JSONField():
            return {CANARY: n}
        case models.BinaryField():
            return bytes(16)
    raise AssertionError(f"specimens.py does not know how to fill {field!r}")


def make_specimens(
    *, company: Company, user: User, using: str = "default", only: Iterable[type] | None = None
) -> dict[type, Any]:
    """One row of every tenant model in this company, by model."""
    wanted = set(only) if only is not None else None
    rows: dict[type, Any] = {}
    with company_context(company.pk):
        for model in tenant_models():
            if wanted is not None and model not in wanted:
                continue
            row = model(**field_values(model, company=company, user=user, parents=rows))
            row.save(using=using, force_insert=True)
            rows[model] = row
    return rows


def make_pair() -> tuple[Company, Company]:
    """Two companies with a row of every model each."""
    user = User.objects.create_user(email="someone@example.com")
    pair = []
    for slug in ("alpha", "beta"):
        company = create_company(slug=slug, name=slug.title(), by=Actor.product("tests"), now=AT)
        with transaction.atomic():
            make_specimens(company=company, user=user)
        pair.append(company)
    return pair[0], pair[1]
