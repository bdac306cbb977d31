"""A PostgreSQL backend that tells every transaction which company it works for.

The setting is local to the transaction and sent when it begins. In a middleware it would be
lost (it ends with its own statement) or leak through a connection pool into the next request.
A query outside a transaction sees no tenant row at all: it fails closed.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from accounts.tenancy.context import active_company_id, active_user_id

_TELL = "SELECT set_config('app.company_id', %s, true), set_config('app.user_id', %s, true)"


class DatabaseWrapper(base.DatabaseWrapper):
    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if not autocommit:
            self.send_tenant()

    def send_tenant(self) -> None:
        """Tell the server the company and user of the current context."""
        company_id, user_id = active_company_id(), active_user_id()
        values: list[Any] = [
            "" if company_id is None else str(company_id),
            "" if user_id is None else str(user_id),
        ]
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(_TELL, values)

    def _savepoint_rollback(self, sid: str) -> None:
        """A savepoint takes the setting back to what it was then; the context may differ now."""
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.send_tenant()

    def send_tenant_if_open(self) -> None:
        """Tell an already open transaction that the context changed.

        In a failed transaction nothing can be sent; its roll-back restores what was before.
        """
        if self.connection is None or self.autocommit:
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return
        self.send_tenant()
