"""`manage.py check_facts --slug S`: does every deal's cache say what its history says?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.selectors.companies import company_by_slug
from accounts.tenancy.context import company_context
from pipeline.services.facts import check_facts


class Command(BaseCommand):
    help = "Compare deals' stage, dates and path with their transitions; --rebuild writes them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slug", required=True)
        parser.add_argument("--rebuild", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        company = company_by_slug(options["slug"])
        with company_context(company.pk):
            found = check_facts(rebuild=options["rebuild"], now=timezone.now())
        for difference in found[:50]:
            self.stdout.write(
                f"deal {difference.deal_id}: {difference.field} is {difference.cached!r},"
                f" its history says {difference.derived!r}"
            )
        if not found:
            self.stdout.write("Every deal says what its history says.")
        elif options["rebuild"]:
            self.stdout.write(f"{len(found)} values rebuilt.")
        else:
            raise CommandError(f"{len(found)} values differ. Rebuild them with --rebuild.")
