"""Which company is being worked for, and by whom: one context variable feeds all walls."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connections

_company: ContextVar[int | None] = ContextVar("company_id", default=None)
_user: ContextVar[int | None] = ContextVar("user_id", default=None)


class NoCompany(RuntimeError):
    """Tenant data was asked for while no company was active."""


class WrongCompany(RuntimeError):
    """A row of one company was written while another one was active."""


def active_company_id() -> int | None:
    """The active company, or None."""
    return _company.get()


def active_user_id() -> int | None:
    """The signed-in user, or None."""
    return _user.get()


def require_company_id() -> int:
    """The active company; raises NoCompany when there is none."""
    company_id = _company.get()
    if company_id is None:
        raise NoCompany("No company is active: open one with company_context(company_id).")
    return company_id


def _tell_open_transactions() -> None:
    """A transaction that is already open was told another company: tell it again."""
    for connection in connections.all(initialized_only=True):
        if hasattr(connection, "send_tenant_if_open"):
            connection.send_tenant_if_open()


@contextmanager
def company_context(company_id: int, *, user_id: int | None = None) -> Iterator[None]:
    """Work for this company until the block ends; nests, and restores what was before.

    `user_id` keeps its value when not given.
    """
    if not isinstance(company_id, int):
        raise TypeError(f"company_context takes an id, not {company_id!r}")
    company_token = _company.set(company_id)
    user_token = _user.set(user_id) if user_id is not None else None
    try:
        _tell_open_transactions()
        yield
    finally:
        _company.reset(company_token)
        if user_token is not None:
            _user.reset(user_token)
        _tell_open_transactions()


@contextmanager
def user_context(user_id: int) -> Iterator[None]:
    """Work as this user, before a company is known (only their own memberships are visible)."""
    token = _user.set(user_id)
    try:
        _tell_open_transactions()
        yield
    finally:
        _user.reset(token)
        _tell_open_transactions()
