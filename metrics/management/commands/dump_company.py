"""`manage.py dump_company --slug S DIR [--force]`: all that a company owns, as a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.selectors.companies import company_by_slug
from pipeline.selectors.dump_company import DumpRefused, dump_company


class Command(BaseCommand):
    help = "Write a company as an exchange folder that load_company reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--slug", required=True)
        parser.add_argument("--force", action="store_true", help="replace what is in the folder")

    def handle(self, *args: Any, **options: Any) -> None:
        company = company_by_slug(options["slug"])
        try:
            dumped = dump_company(
                company_id=company.pk, target=options["folder"], force=options["force"]
            )
        except DumpRefused as refused:
            raise CommandError(refused.sentence) from None
        deals, moves = dumped.rows["deals.csv"], dumped.rows["transitions.csv"]
        self.stdout.write(
            f"Wrote {deals} deals, {moves} transitions and all else of {options['slug']}"
            f" to {dumped.folder}."
        )
