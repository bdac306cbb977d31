"""What every row of a company has in common, and the manager that refuses to mix them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models

from accounts.tenancy.context import WrongCompany, require_company_id


@dataclass(frozen=True, slots=True)
class OwnersFunction:
    """A function that runs with the owner's rights, and does one thing with them.

    arguments: name and type of each, as SQL. body: one SQL statement. changes: it writes.
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    returns: str
    body: str
    changes: bool = False

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(kind for _, kind in self.arguments)})"

    @property
    def sql(self) -> str:
        """Its definition. The search path is fixed; temporary tables, anybody's, come last."""
        given = ", ".join(f"{name} {kind}" for name, kind in self.arguments)
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}({given}) RETURNS {self.returns} LANGUAGE sql"
            f" {'VOLATILE' if self.changes else 'STABLE'} SECURITY DEFINER"
            f" SET search_path = public, pg_temp AS $$ {self.body} $$"
        )


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """What the runtime role may do with a table, beyond seeing its own company's rows only.

    rights: the granted statements. owned_by: the SQL that says a row is the active company's.
    visible_too: SQL for rows that may also be read. changeable: SQL that a row must satisfy
    to be updated or deleted (a final snapshot never is). functions: what the runtime role may
    ask the owner to do with these rows.
    """

    rights: tuple[str, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
    owned_by: str = (
        "company_id = (SELECT NULLIF(current_setting('app.company_id', true), '')::bigint)"
    )
    visible_too: str = ""
    changeable: str = ""
    functions: tuple[OwnersFunction, ...] = ()


APPEND_ONLY = RowSecurity(rights=("SELECT", "INSERT"))


class TenantQuerySet(models.QuerySet[Any]):
    """A query set that answers, and creates rows, for the company that it was made for only.

    Every method of a query set reads `query`: refusing there leaves no method out, neither one
    that a later Django adds. A query set that outlives its company's context is refused too.
    """

    made_for: int | None = None

    @property
    def query(self) -> Any:
        active = require_company_id()
        if self.made_for is not None and self.made_for != active:
            raise WrongCompany(
                f"A query set of company {self.made_for} was used while {active} is active."
            )
        return super().query

    @query.setter
    def query(self, value: Any) -> None:
        models.QuerySet.query.fset(self, value)  # type: ignore[attr-defined]

    def _clone(self) -> "TenantQuerySet":
        clone: TenantQuerySet = super()._clone()  # type: ignore[misc]
        clone.made_for = self.made_for
        return clone

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        require_company_id()
        rows = list(objs)
        for row in rows:
            row.refuse_other_company()
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        require_company_id()
        return super().bulk_update(objs, *args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        require_company_id()
        return super().raw(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        if "company" in kwargs or "company_id" in kwargs:
            raise WrongCompany("A row never changes its company.")
        return super().update(**kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Every road to the rows goes through get_queryset, which needs an active company."""

    def get_queryset(self) -> TenantQuerySet:
        company_id = require_company_id()
        queryset: TenantQuerySet = super().get_queryset().filter(company_id=company_id)
        queryset.made_for = company_id
        return queryset


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]
    """A key to a row of the same company; the table lists it in tenant_constraints().

    The constraint in the database is the composite one, and indexes are led by the company,
    so this field makes neither of its own.
    """

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)


class TenantModel(models.Model):
    """A row that belongs to exactly one company."""

    row_security: ClassVar[RowSecurity] = RowSecurity()

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.refuse_other_company()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        self.refuse_other_company()
        return super().delete(*args, **kwargs)

    def refuse_other_company(self) -> None:
        """Fill in the active company; raise if the row names another one."""
        active = require_company_id()
        if self.company_id is None:
            self.company_id = active
        if self.company_id != active:
            raise WrongCompany(
                f"{self._meta.label} of company {self.company_id} while {active} is active."
            )
