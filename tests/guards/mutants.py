"""Faults to plant in a copy of the house, and the tests that should see each of them.

`survivors` are the tests that must still pass: a wall is down, and the others still leak nothing.
tests/guards/test_mutants.py holds the list against the code; demo.py plants and reports.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `file`, `old` (exactly once there) becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survivors: tuple[str, ...] = ()


_GUARDS = "tests/guards"
_ALONE = f"{_GUARDS}/test_row_security_alone.py"
_MATRIX = f"{_GUARDS}/test_leak_matrix.py"
_STRANGERS = f"{_MATRIX}::test_strangers_get_404_as_for_a_company_that_does_not_exist"

MUTANTS = (
    Mutant(
        "a policy lets every company read",
        "accounts/tenancy/row_security.py",
        '"company_reads": f"FOR SELECT USING ({readable})",',
        '"company_reads": "FOR SELECT USING (true)",',
        (_ALONE, f"{_GUARDS}/test_row_security.py"),
    ),
    Mutant(
        "row security is not forced",
        "accounts/tenancy/row_security.py",
        'cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")',
        "pass",
        (f"{_GUARDS}/test_row_security.py",),
    ),
    Mutant(
        "a table is forgotten by row security",
        "accounts/tenancy/row_security.py",
        "for model in secured:\n            _secure_table",
        "for model in secured[:-1]:\n            _secure_table",
        (f"{_GUARDS}/test_row_security.py",),
    ),
    Mutant(
        "the company outlives its transaction",
        "accounts/tenancy/postgresql/base.py",
        "set_config('app.company_id', %s, true)",
        "set_config('app.company_id', %s, false)",
        (_ALONE,),
    ),
    Mutant(
        "the application filter is gone (walls 1 and 2)",
        "accounts/tenancy/models.py",
        "queryset: TenantQuerySet = super().get_queryset().filter(company_id=company_id)",
        "queryset: TenantQuerySet = super().get_queryset()",
        (f"{_GUARDS}/test_tenant_net.py",),
        survivors=(_ALONE, _MATRIX),
    ),
    Mutant(
        "a manager answers without a company",
        "accounts/tenancy/models.py",
        "        company_id = require_company_id()\n"
        "        queryset: TenantQuerySet = super().get_queryset().filter(company_id=company_id)\n"
        "        queryset.made_for = company_id\n",
        "        queryset: TenantQuerySet = super().get_queryset()\n",
        (f"{_GUARDS}/test_tenant_net.py",),
        survivors=(_ALONE, _MATRIX),
    ),
    Mutant(
        "a composite key is forgotten (wall 3)",
        "pipeline/models/deal.py",
        '                "rep",\n                "product",\n',
        '                "product",\n',
        (f"{_GUARDS}/test_tenant_columns.py", f"{_GUARDS}/test_migrations.py"),
    ),
    Mutant(
        "a page lost its permission mark",
        "metrics/views/velocity.py",
        '@company_view("velocity.view")\n@require_safe\ndef velocity(',
        "@require_safe\ndef velocity(",
        (f"{_GUARDS}/test_view_access.py", _MATRIX),
    ),
    Mutant(
        "strangers are told that a company exists",
        "accounts/middleware.py",
        "        if found is None:\n            raise Http404\n",
        "        if found is None:\n            return HttpResponse(status=403)\n",
        (_STRANGERS,),
    ),
    Mutant(
        "a leader may correct history",
        "pipeline/permissions.py",
        'DEAL_CORRECT = register("deal.correct", WRITERS)',
        'DEAL_CORRECT = register("deal.correct", READERS)',
        (f"{_GUARDS}/test_permissions.py",),
    ),
    Mutant(
        "a page asks for a smaller right",
        "metrics/views/sign_off.py",
        'PERMISSION = "quarter.sign"',
        'PERMISSION = "quarter.view"',
        (f"{_GUARDS}/test_permissions.py",),
    ),
    Mutant(
        "accounts imports pipeline",
        "accounts/services/audit.py",
        "import structlog\n",
        "import structlog\n\n\ndef planted() -> object:\n"
        "    from pipeline.models import Deal\n\n    return Deal\n\n",
        (f"{_GUARDS}/test_direction.py",),
    ),
    Mutant(
        "a selector writes a deal's outcome",
        "pipeline/selectors/deal_chips.py",
        "from pipeline.models import SavedSegment\n",
        "from pipeline.models import SavedSegment\n\n\ndef planted() -> None:\n"
        "    from pipeline.models import Deal\n\n    Deal.objects.update(outcome='won')\n\n\n",
        (f"{_GUARDS}/test_single_writer.py",),
    ),
    Mutant(
        "history may be rewritten",
        "pipeline/models/transition.py",
        '        rights=("SELECT", "INSERT"),\n',
        "",
        (f"{_GUARDS}/test_row_security.py",),
    ),
    Mutant(
        "settling days are not marked",
        "pipeline/services/dirty.py",
        "if (since - start).days < company.settle_days:",
        "if False:",
        ("tests/pipeline/test_move_deal.py", "tests/pipeline/test_two_companies.py"),
    ),
    Mutant(
        "a key is not waited for",
        "pipeline/services/history.py",
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))",
        "SELECT hashtextextended(%s, %s)",
        ("tests/pipeline/test_at_the_same_time.py",),
    ),
    Mutant(
        "a stale screen overwrites",
        "pipeline/services/moves.py",
        "if version is None or version == deal.version:",
        "if True:",
        ("tests/pipeline/test_move_deal.py", "tests/pipeline/test_at_the_same_time.py"),
    ),
    Mutant(
        "the lower of two corrections holds",
        "pipeline/paths.py",
        "holder[row.replaces] = max(row.id, holder.get(row.replaces, 0))",
        "holder.setdefault(row.replaces, row.id)",
        ("tests/pipeline/test_correct_transition.py",),
    ),
)
