"""Wall 3 alone: no row points into another company, whoever writes it and however.

Tried as the owner role, which row security does not bind, and past the managers.
"""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction

from accounts.tenancy.context import company_context
from accounts.tenancy.models import TenantModel
from tests.personas import make_user, make_workspace
from tests.specimens import WITH_KEY, field_values, make_specimens, tenant_keys, tenant_models

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

KEYS = [(model, key.name) for model in tenant_models() for key in tenant_keys(model)]
OWNER = "owner"


@pytest.fixture
def two_companies() -> Any:
    """Specimens of every model in two companies, in the owner's transaction."""
    from accounts.models import Company, User

    with transaction.atomic(using=OWNER):
        user = User(email="someone@example.com")
        user.save(using=OWNER)
        worlds = []
        for slug in ("a", "b"):
            company = Company(slug=slug, name=slug)
            company.save(using=OWNER)
            rows = make_specimens(company=company, user=user, using=OWNER)
            worlds.append((company, rows))
        yield user, *worlds
        transaction.set_rollback(True, using=OWNER)


def check_now() -> None:
    """Deferred constraints are checked at the end of the transaction, or when told to."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def crossing_row(model: type[TenantModel], key: str, world: Any) -> tuple[Any, str]:
    """A new row of company A that points to B's through `key`, and the wall's name."""
    user, (a, rows_a), (_, rows_b) = world
    values = field_values(model, company=a, user=user, parents={**rows_a})
    target = model._meta.get_field(key).related_model
    unique = {f for c in model._meta.constraints for f in getattr(c, "fields", ())}
    for other in tenant_keys(model):
        if other.null and other.name in unique:  # or a unique constraint answers first
            values[other.name] = None
    values[key] = rows_b[target]
    values |= WITH_KEY.get((model._meta.label, key), {})
    return model(**values), f"{model._meta.db_table}_{key}_company_fk"


def insert_raw(row: TenantModel) -> None:
    connection = connections[OWNER]
    fields = [f for f in row._meta.concrete_fields if not f.primary_key]
    columns = ", ".join(connection.ops.quote_name(f.column) for f in fields)
    marks = ", ".join(["%s"] * len(fields))
    values = [f.get_db_prep_save(f.pre_save(row, True), connection) for f in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {row._meta.db_table} ({columns}) VALUES ({marks}) RETURNING id", values
        )


def insert_by_orm(row: TenantModel) -> None:
    type(row)._base_manager.using(OWNER).bulk_create([row])


def update_raw(row: TenantModel) -> None:
    """Move an existing row of the same company across, instead of adding one."""
    field = next(f for f in tenant_keys(type(row)) if _crosses(row, f.name))
    values = {field.column: getattr(row, field.attname)}
    values |= WITH_KEY.get((row._meta.label, field.name), {})
    changes = ", ".join(f"{column} = %s" for column in values)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {changes} WHERE company_id = %s",
            [*values.values(), row.company_id],
        )
        assert cursor.rowcount >= 1


def _crosses(row: TenantModel, name: str) -> bool:
    target = getattr(row, name)
    return target is not None and target.company_id != row.company_id


def test_every_key_is_tried() -> None:
    assert len(KEYS) >= 20


@pytest.mark.parametrize(("model", "key"), KEYS, ids=[f"{m.__name__}.{k}" for m, k in KEYS])
def test_no_row_points_into_another_company(
    model: type[TenantModel], key: str, two_companies: Any
) -> None:
    check_now()  # the specimens themselves hold
    row, wall = crossing_row(model, key, two_companies)
    for write in (insert_raw, insert_by_orm, update_raw):
        with pytest.raises(IntegrityError, match=wall), transaction.atomic(using=OWNER):
            with company_context(row.company_id):
                write(row)
            check_now()
    # A form is told before the database is: full_clean() looks into the active company only.
    constraint = next(c for c in model._meta.constraints if getattr(c, "field", None) == key)
    with company_context(row.company_id), pytest.raises(ValidationError):
        constraint.validate(model, row, using=OWNER)


@pytest.mark.parametrize(("model", "key"), KEYS[:1], ids=["first"])
def test_the_guard_sees_a_missing_wall(
    model: type[TenantModel], key: str, two_companies: Any
) -> None:
    row, wall = crossing_row(model, key, two_companies)
    check_now()
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {wall}")
    with pytest.raises(pytest.fail.Exception), pytest.raises(IntegrityError, match=wall):
        insert_raw(row)
        check_now()


def test_workspaces_are_made_alike(db: None) -> None:
    """The services' own rows pass the walls that the specimens are tried on."""
    make_workspace("gamma")
    make_user("somebody@example.com")
    with connections["default"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
