"""`manage.py load_company DIR --slug S [--replace]`: a company from an exchange folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.selectors.companies import company_id_of
from metrics.services.recompute import recompute_all
from pipeline.importers.exchange import ExchangeRefused
from pipeline.services import replace_company
from pipeline.services.load_company import Loaded, load_company


class Command(BaseCommand):
    help = (
        "Load company.json, stages.csv, deals.csv and transitions.csv (and more/, where the "
        "folder has it) as a company, all or nothing, and compute every quarter."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--slug", required=True, help="the company's name in addresses")
        parser.add_argument(
            "--replace", action="store_true", help="take the place of a company of that slug"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str = options["slug"]
        try:
            validate_slug(slug)
        except Exception:
            raise CommandError(f"{slug} is no slug: use letters, digits, - and _ only.") from None
        try:
            loaded = self._load(options["folder"], slug, replace=options["replace"])
        except ExchangeRefused as refused:
            count = len(refused.faults) + refused.untold
            faults = "1 fault" if count == 1 else f"{count} faults"
            raise CommandError(f"Nothing was loaded. {faults}:\n{refused}") from None
        except (DomainError, replace_company.NoOwner) as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"Loaded {loaded.deals} deals and {loaded.transitions} transitions as {slug}."
        )

    def _load(self, folder: Path, slug: str, *, replace: bool) -> Loaded:
        now = timezone.now()
        by = Actor.product("load_company")
        taken = company_id_of(slug) is not None
        if taken and not replace:
            raise CommandError(
                f"There is a company called {slug}. Use another slug, or --replace to load over it."
            )
        if taken:
            replace_company.clear_leftover(slug=slug)
        target = replace_company.incoming_slug(slug) if taken else slug
        with transaction.atomic():
            loaded = load_company(folder=folder, slug=target, by=by, now=now)
            for quarter in recompute_all(company_id=loaded.company_id, now=now):
                if quarter.written and self.verbosity > 1:
                    self.stdout.write(f"{quarter.quarter.label}: {quarter.written} snapshots")
        if taken:
            replace_company.swap_in(
                slug=slug, incoming_id=loaded.company_id, keep_members=not loaded.with_members
            )
        return loaded

    def execute(self, *args: Any, **options: Any) -> Any:
        self.verbosity = options["verbosity"]
        return super().execute(*args, **options)
