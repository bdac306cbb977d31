"""Load a company from an exchange folder: in bulk, all or nothing.

PostgreSQL does the work. The two long files are copied as they stand into temporary tables,
checked and joined by whole columns, and inserted in one statement each. Only when something is
wrong are they read again row by row, to say what (pipeline/importers/exchange_check.py).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from django.db import DatabaseError, transaction

from accounts.actors import Actor
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.services.companies import create_company
from accounts.tenancy.context import company_context
from pipeline.importers import exchange
from pipeline.importers.exchange import ExchangeRefused, Fault, Folder
from pipeline.importers.exchange_check import check_rows
from pipeline.models import Deal, Pipeline, Stage, StageTransition
from pipeline.services import bulk, load_dimensions, load_history, restore_company
from pipeline.services.dirty import mark_dirty

SYSTEM = "exchange"  # Deal.external_system of deals that came in this way

_DEALS = """
    id bigint, name text, account text, channel text, source text, product text, rep text,
    team text, amount text, currency text, lost_reason text, competitor text, path text,
    pipeline text, new_id bigint NOT NULL DEFAULT nextval('{sequence}')
"""
_MOVES = """
    id bigint, deal_id bigint, from_stage text, to_stage text, occurred_at text,
    recorded_at text, replaces bigint, new_id bigint NOT NULL DEFAULT nextval('{sequence}')
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came in. `with_members`: the folder held all that a company owns, also its members."""

    company_id: int
    slug: str
    deals: int
    transitions: int
    with_members: bool


def load_company(*, folder: Path, slug: str, by: Actor, now: datetime) -> Loaded:
    """Make a company of this slug from an exchange folder, in one transaction.

    The snapshots are not computed here (metrics.services.recompute does it, best inside the
    same transaction). Raises ExchangeRefused with every fault, or DomainError where the slug is
    no slug; nothing is written then.
    """
    found = exchange.open_folder(folder)
    try:
        with transaction.atomic():
            bulk.relax_limits()
            company = _create(found, slug=slug, by=by, now=now)
            with company_context(company.pk):
                if found.more is not None:
                    deals, transitions = restore_company.restore(company=company, folder=found)
                else:
                    deals, transitions = _load(company, found, now)
                record_audit(
                    by=by,
                    at=now,
                    action="company.loaded",
                    object_type="company",
                    object_id=company.pk,
                    after={"deals": deals, "transitions": transitions},
                )
    except (DatabaseError, psycopg.Error, ValueError) as error:
        raise _explained(found, error) from error
    return Loaded(company.pk, slug, deals, transitions, with_members=found.more is not None)


def _create(folder: Folder, *, slug: str, by: Actor, now: datetime) -> Company:
    head = folder.company
    return create_company(
        slug=slug,
        name=head.name,
        by=by,
        now=now,
        timezone=head.timezone,
        currency=head.currency,
        fiscal_year_start_month=head.fiscal_year_start_month,
        settle_days=head.settle_days,
        velocity_number=head.velocity_number,
        velocity_cycle=head.velocity_cycle,
        locale=head.locale,
        require_mfa=head.require_mfa,
        as_of=head.as_of,
    )


def _load(company: Company, folder: Folder, now: datetime) -> tuple[int, int]:
    sequences = {
        "load_deals": (_DEALS, bulk.sequence_of(Deal)),
        "load_moves": (_MOVES, bulk.sequence_of(StageTransition)),
    }
    for table, (columns, sequence) in sequences.items():
        bulk.temporary_table(table, columns.format(sequence=sequence))
    deals = bulk.copy_csv("load_deals", folder.deal_columns, folder.path / exchange.DEALS)
    moves = bulk.copy_csv(
        "load_moves", folder.transition_columns, folder.path / exchange.TRANSITIONS
    )
    _stages(company, folder)
    load_dimensions.check_deals(folder)
    load_dimensions.insert_dimensions(company)
    load_history.resolve_moves(company, expected=moves)
    load_history.insert_moves(company)
    load_history.insert_deals(company, system=SYSTEM)
    since = load_history.first_day()
    if since is not None:
        mark_dirty(company=company, since=since, now=now)
    bulk.drop_temporary("load_")
    return deals, moves


def _stages(company: Company, folder: Folder) -> None:
    """Insert pipelines and stages, and make the table that finds them by name."""
    bulk.temporary_table("load_pipelines", "name text, id bigint")
    bulk.temporary_table(
        "load_stages", "pipeline_id bigint, name text, id bigint, kind text, position int"
    )
    names = folder.pipelines
    ids = bulk.insert_rows(
        Pipeline,
        company.pk,
        ["name", "position"],
        [(name, number) for number, name in enumerate(names, start=1)],
    )
    pipeline_ids = dict(zip(names, ids, strict=True))
    stage_ids = bulk.insert_rows(
        Stage,
        company.pk,
        ["pipeline_id", "name", "kind", "position", "exit_criterion", "retired_at"],
        [
            (pipeline_ids[s.pipeline], s.name, s.kind, s.position, s.exit_criterion, s.retired_at)
            for s in folder.stages
        ],
    )
    by_name = {(s.pipeline, s.name): i for s, i in zip(folder.stages, stage_ids, strict=True)}
    for stage in folder.stages:
        if stage.replaced_by:
            heir = by_name[stage.pipeline, stage.replaced_by]
            retired = Stage.objects.filter(pk=by_name[stage.pipeline, stage.name])
            retired.update(replaced_by_id=heir)
    bulk.copy_rows("load_pipelines", ["name", "id"], pipeline_ids.items())
    bulk.copy_rows(
        "load_stages",
        ["pipeline_id", "name", "id", "kind", "position"],
        [
            (pipeline_ids[s.pipeline], s.name, stage_id, s.kind, s.position)
            for s, stage_id in zip(folder.stages, stage_ids, strict=True)
        ],
    )


def _explained(folder: Folder, error: Exception) -> Exception:
    """The faults behind a refusal of the database, or the error itself if there are none."""
    if isinstance(error, restore_company.Unreadable):
        return ExchangeRefused(error.faults)
    if isinstance(error, DatabaseError | psycopg.Error):
        # Data that does not fit (22...) and broken keys (23...) are the folder's; a lost
        # connection, a full disk or a missing right is not.
        state = str(getattr(error.__cause__ or error, "sqlstate", None) or "")
        if not state.startswith(("22", "23")) or "accounts_company" in str(error):
            return error
    faults = check_rows(folder) if folder.more is None else []
    if not faults:
        reason = str(error).strip().splitlines()[0]
        faults = [Fault(folder.path.name, None, None, f"the database refused it: {reason}")]
    return ExchangeRefused(faults)
