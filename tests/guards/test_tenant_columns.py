"""Every row belongs to a company: columns, composite keys, and keys led by the company."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import isolate_apps

from accounts.models import Company
from accounts.tenancy.constraints import CompositeForeignKey, tenant_constraints
from accounts.tenancy.models import RowSecurity, TenantForeignKey, TenantManager, TenantModel
from pipeline.models import Deal

OURS = {"accounts", "pipeline", "metrics"}

# Models whose rows belong to no one company, and why that is right.
OUTSIDE = {
    "accounts.Company": "the tenant itself; its row security compares its own id",
    "accounts.User": "a person may belong to several companies",
    "pipeline.DirtyQuarter": "no customer data; one sweep reads the rows of all companies",
    "metrics.Lease": "no customer data; periodic work of the whole installation",
}
# Apps of others, whose tables hold nothing of a company's.
OTHERS = {"account", "auth", "contenttypes", "mfa", "sessions", "usersessions"}
# Keys and indexes that do not start with the company, and why not.
NOT_LED = {
    "accounts.Invitation.token_hash": "256 random bits, found before a company is known",
    "accounts.Membership.user": "found by user, before a company is known",
    "pipeline.TrackedLink.token_hash": "256 random bits, found before a company is known",
}


def problems(
    found: Iterable[type[models.Model]], *, outside: dict[str, str], not_led: dict[str, str]
) -> list[str]:
    """What is wrong with these models, and which exception is no longer needed."""
    said: list[str] = []
    found = list(found)
    used: set[str] = set()
    for model in found:
        label = model._meta.label
        if label in outside:
            used.add(label)
            continue
        said += _columns(model) + _keys(model)
        for name, fields in _key_fields(model):
            if fields[:1] != ["company"]:
                if name in not_led:
                    used.add(name)
                else:
                    said.append(f"{name} is not led by the company.")
    said += [f"The exception for {name} is stale." for name in {*outside, *not_led} - used]
    return said


def _columns(model: type[models.Model]) -> list[str]:
    label = model._meta.label
    if not issubclass(model, TenantModel):
        return [f"{label} has no company: derive it from TenantModel."]
    said = []
    company = model._meta.get_field("company")
    if not isinstance(company, models.ForeignKey) or company.null:
        said.append(f"{label}.company must be a key that is never empty.")
    elif company.remote_field.model not in (Company, "accounts.Company"):
        said.append(f"{label}.company does not point to the company.")
    if not isinstance(model.row_security, RowSecurity):
        said.append(f"{label} does not say its row security.")
    for manager in model._meta.managers:
        if not isinstance(manager, TenantManager):
            said.append(f"{label}.{manager.name} is not a TenantManager.")
    if model._meta.base_manager_name:
        said.append(f"{label} changes its base manager.")
    return said


def _keys(model: type[models.Model]) -> list[str]:
    label = model._meta.label
    said = []
    constraints = model._meta.constraints
    if not any(
        isinstance(c, models.UniqueConstraint)
        and tuple(c.fields) == ("company", "id")
        and c.condition is None
        for c in constraints
    ):
        said.append(f"{label} lacks UNIQUE (company, id).")
    composite = {c.field for c in constraints if isinstance(c, CompositeForeignKey)}
    keys = set()
    for field in model._meta.local_fields:
        target = field.remote_field.model if field.remote_field else None
        if not isinstance(target, type) or not issubclass(target, TenantModel):
            continue
        keys.add(field.name)
        if not isinstance(field, TenantForeignKey):
            said.append(f"{label}.{field.name} must be a TenantForeignKey.")
        if field.name not in composite:
            said.append(f"{label}.{field.name} has no composite key: name it in the constraints.")
    said += [f"{label}: a composite key names {f}, which is none." for f in composite - keys]
    said += [
        f"{label}.{field.name} is many-to-many: its rows have no company."
        for field in model._meta.local_many_to_many
    ]
    return said


def _key_fields(model: type[models.Model]) -> Iterable[tuple[str, list[str]]]:
    """Unique constraints and indexes, with the names of their fields in order."""
    label = model._meta.label
    for field in model._meta.local_fields:
        if not field.primary_key and (field.unique or field.db_index):
            yield f"{label}.{field.name}", [field.name]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield f"{label}:{constraint.name}", list(constraint.fields)
    for index in model._meta.indexes:
        yield f"{label}:{index.name}", [name.removeprefix("-") for name in index.fields]
    for together in model._meta.unique_together:
        yield f"{label}:unique_together", list(together)


def our_models() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m._meta.app_label in OURS]


def test_every_model_belongs_to_a_company() -> None:
    found = our_models()
    assert len(found) >= 20
    assert problems(found, outside=OUTSIDE, not_led=NOT_LED) == []


def test_no_app_brings_tables_that_nobody_looked_at() -> None:
    assert {m._meta.app_label for m in apps.get_models()} == OURS | OTHERS


def test_what_is_outside_row_security_says_why() -> None:
    marked = {m._meta.label: m.outside_row_security for m in our_models() if _is_outside(m)}
    assert marked == {label: OUTSIDE[label] for label in ("pipeline.DirtyQuarter", "metrics.Lease")}


def _is_outside(model: type[models.Model]) -> bool:
    return hasattr(model, "outside_row_security")


@isolate_apps("pipeline")
def test_the_guard_sees_planted_faults() -> None:
    class Ownerless(models.Model):
        class Meta:
            app_label = "pipeline"

    class Careless(TenantModel):
        company = models.ForeignKey(Company, null=True, on_delete=models.CASCADE)
        deal = models.ForeignKey(Deal, on_delete=models.CASCADE, related_name="+")
        other = TenantForeignKey(Deal, related_name="+")
        code = models.CharField(max_length=9, unique=True)
        day = models.DateField()
        everything = models.Manager()

        class Meta:
            app_label = "pipeline"
            indexes = [models.Index(fields=["day", "company"], name="careless_by_day")]
            constraints = [CompositeForeignKey(field="code", name="careless_code_fk")]

    class Mixed(TenantModel):
        deals = models.ManyToManyField(Deal, related_name="+")

        class Meta:
            app_label = "pipeline"
            constraints = tenant_constraints("mixed")

    said = " ".join(
        problems([Ownerless, Careless, Mixed], outside={"pipeline.Gone": "x"}, not_led={})
    )
    for expected in [
        "Ownerless has no company",
        "Careless.company must be a key that is never empty",
        "Careless.everything is not a TenantManager",
        "Careless lacks UNIQUE (company, id)",
        "Careless.deal must be a TenantForeignKey",
        "Careless.deal has no composite key",
        "Careless.other has no composite key",
        "names code, which is none",
        "Careless.code is not led by the company",
        "careless_by_day is not led by the company",
        "Mixed.deals is many-to-many",
        "The exception for pipeline.Gone is stale",
    ]:
        assert expected in said


# The same in the database, since a migration can differ from the models that it was made for.

_COLUMNS = """
    SELECT c.relname, a.attnotnull FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attname = 'company_id'
"""
_FOREIGN_KEYS = """
    SELECT con.conname, con.conrelid::regclass::text, con.confrelid::regclass::text,
           con.condeferrable AND con.condeferred AND con.convalidated,
           (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(con.conkey)
              WITH ORDINALITY AS k(col, n)
              JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.col),
           (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(con.confkey)
              WITH ORDINALITY AS k(col, n)
              JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.col)
    FROM pg_constraint con WHERE con.contype = 'f' AND con.connamespace = 'public'::regnamespace
"""
_INDEXES = """
    SELECT t.relname, i.relname, x.indisprimary, a.attname
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
    WHERE n.nspname = 'public'
"""


def rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_the_database_has_the_columns() -> None:
    expected = {m._meta.db_table for m in our_models() if issubclass(m, TenantModel)}
    have = dict(rows(_COLUMNS))
    assert expected <= set(have)
    assert set(have) - expected == {"pipeline_dirtyquarter"}
    assert all(have.values()), "company_id may be NULL"


@pytest.mark.django_db
def test_the_database_has_every_composite_key() -> None:
    have = {row[0]: row[1:] for row in rows(_FOREIGN_KEYS)}
    count = 0
    for model in our_models():
        for constraint in model._meta.constraints:
            if not isinstance(constraint, CompositeForeignKey):
                continue
            count += 1
            field = model._meta.get_field(constraint.field)
            assert have[constraint.name] == (
                model._meta.db_table,
                field.related_model._meta.db_table,
                True,
                ["company_id", field.column],
                ["company_id", "id"],
            )
    assert count >= 20


@pytest.mark.django_db
def test_no_key_of_a_tenant_table_ignores_the_company() -> None:
    tenant = {m._meta.db_table for m in our_models() if issubclass(m, TenantModel)}
    foreign = [
        (name, table, columns)
        for name, table, target, _, columns, _ in rows(_FOREIGN_KEYS)
        if table in tenant and target in tenant and columns[0] != "company_id"
    ]
    assert foreign == []
    led = [
        (table, index)
        for table, index, primary, first in rows(_INDEXES)
        if table in tenant
        and not primary
        and first != "company_id"
        and not index.endswith("_like")  # Django's helper beside an index of text
    ]
    assert len(led) == len(NOT_LED), led
