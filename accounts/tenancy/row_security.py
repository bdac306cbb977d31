"""Row security in PostgreSQL: applied after every migration, checked at every start.

Policies and grants are derived from the models, so a new table without them is one that the
runtime role cannot read at all: forgetting fails closed.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models

from accounts.tenancy.models import OwnersFunction, RowSecurity

_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")


class UnsafeRole(RuntimeError):
    """The database would not hold companies apart; the product refuses to start."""


def secured_models() -> list[type[models.Model]]:
    """The models whose rows belong to a company, by their `row_security` mark."""
    return [
        m for m in apps.get_models() if isinstance(getattr(m, "row_security", None), RowSecurity)
    ]


def runtime_role() -> str:
    """The name of the role that web and workers connect as."""
    return str(settings.DATABASES["default"]["USER"])


def policies(model: type[models.Model]) -> dict[str, str]:
    """The policies of one table: name -> SQL after CREATE POLICY name ON table."""
    rules: RowSecurity = model.row_security  # type: ignore[attr-defined]
    readable = rules.owned_by
    if rules.visible_too:
        readable = f"({rules.owned_by}) OR ({rules.visible_too})"
    changeable = rules.owned_by
    if rules.changeable:
        changeable = f"({rules.owned_by}) AND ({rules.changeable})"
    return {
        "company_reads": f"FOR SELECT USING ({readable})",
        "company_adds": f"FOR INSERT WITH CHECK ({rules.owned_by})",
        "company_changes": f"FOR UPDATE USING ({changeable}) WITH CHECK ({changeable})",
        "company_removes": f"FOR DELETE USING ({changeable})",
    }


def owners_functions(model: type[models.Model]) -> tuple[OwnersFunction, ...]:
    """What the runtime role may ask the owner to do with the rows of this table."""
    rules: RowSecurity = model.row_security  # type: ignore[attr-defined]
    return rules.functions


def secure(*, using: str = "owner") -> int:
    """Apply row security and grants to every table; returns how many tables were secured."""
    connection = connections[using]
    quote = connection.ops.quote_name
    role = quote(runtime_role())
    with connection.cursor() as cursor:
        # After a step back some tables of the code are not there (yet).
        existing = set(connection.introspection.table_names(cursor))
        secured = [m for m in secured_models() if m._meta.db_table in existing]
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        for model in secured:
            _secure_table(cursor, quote(model._meta.db_table), role, model)
        # Tables of nobody's: sessions, users, sign-in, the work list. Migrations only read.
        names = {m._meta.db_table for m in apps.get_models(include_auto_created=True)}
        for name in sorted((names & existing) - {m._meta.db_table for m in secured}):
            table = quote(name)
            cursor.execute(f"REVOKE ALL ON {table} FROM {role}")
            cursor.execute(f"GRANT {', '.join(_ALL)} ON {table} TO {role}")
        cursor.execute(f"GRANT SELECT ON django_migrations TO {role}")
        # A column that a function reads may be missing after a step back: it then fails when asked.
        cursor.execute("SET check_function_bodies = off")
        for model in secured:
            for function in owners_functions(model):
                cursor.execute(function.sql)
                cursor.execute(f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC")
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {function.signature} TO {role}")
        cursor.execute("RESET check_function_bodies")
    return len(secured)


def _secure_table(cursor: Any, table: str, role: str, model: type[models.Model]) -> None:
    rules: RowSecurity = model.row_security  # type: ignore[attr-defined]
    cursor.execute(f"REVOKE ALL ON {table} FROM {role}")
    cursor.execute(f"GRANT {', '.join(rules.rights)} ON {table} TO {role}")
    cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for name, body in policies(model).items():
        cursor.execute(f"DROP POLICY IF EXISTS {name} ON {table}")
        cursor.execute(f"CREATE POLICY {name} ON {table} {body}")


def faults(*, using: str = "default") -> list[str]:
    """What would let the runtime role see or change more than it should; empty is safe."""
    with connections[using].cursor() as cursor:
        return [
            *_faults_of_role(cursor),
            *_faults_of_tables(cursor),
            *_faults_of_policies(cursor),
            *_faults_of_rights(cursor),
            *_faults_of_views(cursor),
            *_faults_of_functions(cursor),
        ]


def _faults_of_role(cursor: Any) -> list[str]:
    cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    superuser, bypasses = cursor.fetchone()
    cursor.execute(
        """
        SELECT EXISTS (SELECT 1 FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls)
                       AND r.rolname <> current_user
                       AND pg_has_role(current_user, r.oid, 'MEMBER')),
               has_schema_privilege(current_user, 'public', 'CREATE')
        """
    )
    member, creates = cursor.fetchone()
    found = []
    if superuser:
        found.append("The runtime role is a superuser.")
    if bypasses:
        found.append("The runtime role has BYPASSRLS.")
    if member:
        found.append("The runtime role may become a role that looks past row security.")
    if creates:
        found.append("The runtime role may make tables.")
    return found


def _faults_of_tables(cursor: Any) -> list[str]:
    cursor.execute(
        """
        SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
               pg_has_role(current_user, c.relowner, 'MEMBER'),
               EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid
                       AND a.attname = 'company_id' AND NOT a.attisdropped),
               (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY c.relname
        """
    )
    expected = {m._meta.db_table for m in secured_models()}
    outside = {m._meta.db_table for m in apps.get_models() if hasattr(m, "outside_row_security")}
    found, seen = [], set()
    for table, enabled, forced, owns, has_company, policy_count in cursor.fetchall():
        seen.add(table)
        if owns:
            found.append(f"The runtime role owns {table}.")
        if table in outside or not (table in expected or has_company):
            continue
        if not (enabled and forced and policy_count):
            found.append(f"{table} has no forced row security with a policy.")
    return [*found, *(f"The table {name} is missing." for name in sorted(expected - seen))]


def _faults_of_policies(cursor: Any) -> list[str]:
    """Every policy is one of ours and compares the company; permissive ones add up."""
    cursor.execute(
        """
        SELECT c.relname, p.polname, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid),
                                               pg_get_expr(p.polwithcheck, p.polrelid))
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'
        """
    )
    have = {(table, name): text for table, name, text in cursor.fetchall()}
    expected = {(m._meta.db_table, name) for m in secured_models() for name in policies(m)}
    found = [f"{table} lacks the policy {name}." for table, name in sorted(expected - set(have))]
    for (table, name), text in sorted(have.items()):
        if (table, name) not in expected:
            found.append(f"{table} has a policy of unknown origin: {name}.")
        elif "app.company_id" not in text:
            found.append(f"The policy {name} of {table} does not compare the company.")
    return found


def _faults_of_rights(cursor: Any) -> list[str]:
    tables = {m._meta.db_table: m.row_security.rights for m in secured_models()}  # type: ignore[attr-defined]
    cursor.execute(
        """
        SELECT c.relname, r.name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS r(name)
        WHERE n.nspname = 'public' AND c.relname = ANY(%s)
          AND has_table_privilege(current_user, c.oid, r.name) ORDER BY 1, 2
        """,
        [sorted(tables)],
    )
    return [
        f"The runtime role may {right} {table}."
        for table, right in cursor.fetchall()
        if right not in tables[table]
    ]


def _faults_of_views(cursor: Any) -> list[str]:
    cursor.execute(
        """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND (c.relkind = 'm' OR (c.relkind = 'v' AND NOT
              coalesce(c.reloptions::text, '') LIKE '%%security_invoker=true%%'))
        """
    )
    return [f"The view {name} is not security_invoker." for (name,) in cursor.fetchall()]


def _faults_of_functions(cursor: Any) -> list[str]:
    """Functions with the owner's rights are the ones that models declare."""
    known = {function.name for model in secured_models() for function in owners_functions(model)}
    cursor.execute(
        """
        SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'public' AND p.prosecdef
          AND has_function_privilege(current_user, p.oid, 'EXECUTE') ORDER BY 1
        """
    )
    return [
        f"The function {name} runs with its owner's rights, and its origin is unknown."
        for (name,) in cursor.fetchall()
        if name not in known
    ]


def refuse_unsafe_role() -> None:
    """Stop the start when the runtime role could look past row security."""
    found = faults()
    if found:
        raise UnsafeRole(
            "Leverpoint does not start, since the database would not keep companies apart: "
            + " ".join(found)
            + " Connect as a role without these rights (docs/operations.md) and run"
            " `manage.py migrate`."
        )
