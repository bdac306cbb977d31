"""What a company owns: every table with its rows, found by looking at the models.

A new tenant model is part of the dump and of its restoration without a line added here.
"""

from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db import models

from accounts.models import Company, User

# Rows that are not the company's history but a work list of the product, made anew at loading.
LEFT_OUT = {"pipeline.dirtyquarter": "which quarters are behind; loading computes all of them"}
# Columns that are derived and hold ids of the database they come from.
DERIVED = {"pipeline.deal": frozenset({"path"})}


@dataclass(frozen=True, slots=True)
class Owned:
    """One table of a company's rows: its columns besides the company, and where keys point."""

    label: str  # app.model, the name of its file
    table: str
    model: type[models.Model]
    columns: tuple[str, ...]
    decimals: tuple[str, ...]  # written as text, since a JSON number may lose digits
    keys: dict[str, str]  # column -> label of the table that it points into
    users: tuple[str, ...]  # columns that name a user, written as the e-mail address
    secrets: tuple[str, ...]  # columns unique in the installation: tokens, never written


@cache
def owned_tables() -> tuple[Owned, ...]:
    """Every table that a dump holds, in the order of the apps and models."""
    return tuple(
        _owned(model)
        for model in apps.get_models()
        if _belongs_to_a_company(model) and model._meta.label_lower not in LEFT_OUT
    )


def _belongs_to_a_company(model: type[models.Model]) -> bool:
    return any(
        isinstance(field, models.ForeignKey) and field.related_model is Company
        for field in model._meta.concrete_fields
    )


def _owned(model: type[models.Model]) -> Owned:
    label = model._meta.label_lower
    columns: list[str] = []
    decimals: list[str] = []
    keys: dict[str, str] = {}
    users: list[str] = []
    secrets: list[str] = []
    for field in model._meta.concrete_fields:
        column = str(field.column)
        if column in DERIVED.get(label, ()) or field.generated:
            continue
        if field.unique and not field.primary_key:
            secrets.append(column)
            continue
        if isinstance(field, models.ForeignKey):
            target = field.related_model
            if target is Company:
                continue
            if target is User:
                users.append(column)
            elif isinstance(target, type) and _belongs_to_a_company(target):
                keys[column] = target._meta.label_lower
            else:
                raise TypeError(f"{label}.{field.name} points to what no dump holds")
        if isinstance(field, models.DecimalField):
            decimals.append(column)
        columns.append(column)
    return Owned(
        label=label,
        table=model._meta.db_table,
        model=model,
        columns=tuple(columns),
        decimals=tuple(decimals),
        keys=keys,
        users=tuple(users),
        secrets=tuple(secrets),
    )
