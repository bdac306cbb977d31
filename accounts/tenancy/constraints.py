"""Composite foreign keys: (company_id, x_id) -> x(company_id, id).

Django's ForeignKey cannot make them (fields.E347 for composite primary keys, and ForeignObject
makes no constraint), so they are constraints of their own that migrations carry.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.ddl_references import Statement, Table
from django.db.models.constraints import BaseConstraint


class CompositeForeignKey(BaseConstraint):
    """The row that `field` points to belongs to the same company. Deferred, as Django's are."""

    def __init__(self, *, field: str, name: str) -> None:
        super().__init__(name=name)
        self.field = field

    def _body(self, model: type[models.Model], schema_editor: Any) -> str:
        field = model._meta.get_field(self.field)
        quote = schema_editor.quote_name
        target = field.remote_field.model  # type: ignore[union-attr]
        return (
            f"FOREIGN KEY ({quote('company_id')}, {quote(field.column)}) "  # type: ignore[union-attr]
            f"REFERENCES {quote(target._meta.db_table)} ({quote('company_id')}, {quote('id')}) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def constraint_sql(  # type: ignore[override]
        self, model: type[models.Model], schema_editor: Any
    ) -> str:
        return (
            f"CONSTRAINT {schema_editor.quote_name(self.name)} {self._body(model, schema_editor)}"
        )

    def create_sql(  # type: ignore[override]
        self, model: type[models.Model], schema_editor: Any
    ) -> Statement:
        return Statement(
            "ALTER TABLE %(table)s ADD CONSTRAINT %(name)s %(body)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
            body=self._body(model, schema_editor),
        )

    def remove_sql(  # type: ignore[override]
        self, model: type[models.Model], schema_editor: Any
    ) -> Statement:
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Any = None,
        using: str = "default",
    ) -> None:
        if exclude and self.field in exclude:
            return
        field = model._meta.get_field(self.field)
        value = getattr(instance, field.attname)  # type: ignore[union-attr]
        if value is None:
            return
        parents = field.remote_field.model._base_manager.using(using)  # type: ignore[union-attr]
        company_id = instance.company_id  # type: ignore[attr-defined]
        if not parents.filter(pk=value, company_id=company_id).exists():
            raise ValidationError({self.field: f"This {field.verbose_name} does not exist."})  # type: ignore[union-attr]

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path = f"{self.__class__.__module__}.{self.__class__.__name__}"
        return path, (), {"field": self.field, "name": self.name}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompositeForeignKey):
            return NotImplemented
        return (self.name, self.field) == (other.name, other.field)

    def __hash__(self) -> int:
        return hash((self.name, self.field))


def tenant_constraints(table: str, *fields: str) -> list[BaseConstraint]:
    """What every tenant table has: UNIQUE(company_id, id) and a composite key per parent."""
    return [
        models.UniqueConstraint(fields=["company", "id"], name=f"{table}_company_id_key"),
        *(CompositeForeignKey(field=f, name=f"{table}_{f}_company_fk") for f in fields),
    ]
