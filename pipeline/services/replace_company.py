"""Put a loaded company in the place of an older one, or take one away altogether.

The runtime role may neither delete facts nor see two companies at once, so this is work of the
owner role: of operators' commands, never of a page.
"""

from django.conf import settings
from django.db import connections, transaction
from psycopg import sql

OWNER = "owner"
_INCOMING = "--incoming"


class NoOwner(RuntimeError):
    """Replacing needs the owner role, and its address is not set."""


def incoming_slug(slug: str) -> str:
    """The slug under which a company waits until it takes the place of the one called `slug`."""
    return slug[: 60 - len(_INCOMING)] + _INCOMING


def require_owner() -> None:
    """Raise NoOwner, with what to do, where the owner role cannot be reached."""
    if OWNER not in settings.DATABASES:
        raise NoOwner(
            "Replacing a company is work of the owner role: set DATABASE_OWNER_URL"
            " (docs/operations.md) and run the command again."
        )


def tenant_tables() -> list[str]:
    """Every table with rows of companies, as the database itself knows them."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'company_id'"
            " WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped AND NOT c.relispartition"
            " ORDER BY c.relname"
        )
        return [name for (name,) in cursor.fetchall()]


def clear_leftover(*, slug: str) -> bool:
    """Remove what an interrupted replacement of `slug` left behind; tells whether there was any."""
    require_owner()
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounts_company WHERE slug = %s FOR UPDATE", [incoming_slug(slug)]
        )
        found = cursor.fetchone()
        if found is not None:
            remove_rows(company_id=found[0])
    return found is not None


def swap_in(*, slug: str, incoming_id: int, keep_members: bool) -> None:
    """Let the company `incoming_id` take the place of the one called `slug`, which goes.

    `keep_members`: the members of the old company become members of the new one, and reps of
    the same name stay linked to them. One transaction: until its end the old company is whole.
    """
    require_owner()
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_company WHERE slug = %s FOR UPDATE", [slug])
        found = cursor.fetchone()
        if found is not None:
            if keep_members:
                _move_members(old_id=found[0], new_id=incoming_id)
            remove_rows(company_id=found[0])
        cursor.execute("UPDATE accounts_company SET slug = %s WHERE id = %s", [slug, incoming_id])


def _move_members(*, old_id: int, new_id: int) -> None:
    ids = {"old": old_id, "new": new_id}
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "UPDATE pipeline_rep AS r SET membership_id = o.membership_id, email = CASE"
            " WHEN r.email = '' THEN o.email ELSE r.email END FROM pipeline_rep o"
            " WHERE r.company_id = %(new)s AND o.company_id = %(old)s AND o.name = r.name",
            ids,
        )
        cursor.execute(
            "UPDATE accounts_membership SET company_id = %(new)s WHERE company_id = %(old)s", ids
        )


def remove_rows(*, company_id: int) -> None:
    """Delete every row of a company, and the company. Inside the owner's transaction.

    Keys are checked at its end, so the order of the tables does not matter.
    """
    with connections[OWNER].cursor() as cursor:
        for table in tenant_tables():
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE company_id = %s").format(sql.Identifier(table)),
                [company_id],
            )
        cursor.execute("DELETE FROM accounts_company WHERE id = %s", [company_id])
