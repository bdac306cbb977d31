"""`manage.py verify_snapshots [--company S]`: are stored quarters what they claim to be?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Company
from accounts.selectors.companies import company_by_slug
from metrics.services.verifying import Verified, verify_snapshots

_LISTED = 50


class Command(BaseCommand):
    help = (
        "Check every signature's hash, every restatement against the version before it, and "
        "recount every final version from the facts known when it was stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--company", help="its slug; every company by default")
        parser.add_argument(
            "--without-recount", action="store_true", help="signatures and restatements only"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["company"]:
            companies = [company_by_slug(options["company"])]
        else:
            companies = list(Company.objects.using("owner").order_by("slug"))
        wrong = 0
        for company in companies:
            verified = verify_snapshots(
                company_id=company.pk, recount=not options["without_recount"]
            )
            self._print(company.slug, verified)
            wrong += len(verified.wrong)
        if wrong:
            raise CommandError(f"{wrong} values are not what they should be.")

    def _print(self, slug: str, verified: Verified) -> None:
        for one in verified.wrong[:_LISTED]:
            place = " ".join(
                part for part in (one.quarter, f"version {one.version}", one.segment) if part
            )
            self.stdout.write(
                f"{slug}: {one.what}, {place}: {one.field} is {one.stored!r},"
                f" should be {one.expected!r}"
            )
        if len(verified.wrong) > _LISTED:
            self.stdout.write(f"{slug}: and {len(verified.wrong) - _LISTED} more")
        for left in verified.unproved:
            self.stdout.write(
                f"{slug}: {left.quarter} version {left.version} was not recounted: {left.why}"
            )
        self.stdout.write(
            f"{slug}: {verified.signatures} signatures, {verified.versions} final versions,"
            f" {verified.rows} rows, {len(verified.wrong)} differences"
        )
