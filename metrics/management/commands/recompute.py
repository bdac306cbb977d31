"""`manage.py recompute --slug S [--quarter Q | --all] [--as-of ISO]`."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import Company
from accounts.selectors.companies import company_by_slug
from accounts.tenancy.context import company_context
from metrics.services.recompute import all_quarters, recompute_all, recompute_quarter


class Command(BaseCommand):
    help = "Recompute the snapshots of one quarter, or of every quarter (the default)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slug", required=True)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--quarter", help="its label, e.g. 2026-Q3 or FY2027-Q1")
        which.add_argument("--all", action="store_true", help="every quarter")
        parser.add_argument(
            "--as-of", help='an instant (ISO 8601 with its zone) that stands for "now"'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        company = company_by_slug(options["slug"])
        now = timezone.now()
        if options["as_of"]:
            self._stand_still(company, options["as_of"])
            company = company_by_slug(options["slug"])
        with company_context(company.pk):
            if options["quarter"]:
                with transaction.atomic():
                    quarters = {q.label: q for q in all_quarters(company=company, now=now)}
                quarter = quarters.get(options["quarter"])
                if quarter is None:
                    known = f"{min(quarters)} to {max(quarters)}" if quarters else "none yet"
                    raise CommandError(
                        f"{company.name} has no quarter {options['quarter']}; it has {known}."
                    )
                one = recompute_quarter(
                    company_id=company.pk, quarter_start=quarter.start, now=now, force=True
                )
                done = [one] if one else []
            else:
                done = recompute_all(company_id=company.pk, now=now)
        for quarter_done in done:
            self.stdout.write(
                f"{quarter_done.quarter.label}: {quarter_done.written} written,"
                f" {quarter_done.removed} removed" + (", restated" if quarter_done.restated else "")
            )
        if not done:
            self.stdout.write("There is no history to compute.")

    def _stand_still(self, company: Company, text: str) -> None:
        try:
            as_of = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise CommandError(
                f"{text} is not an instant. Write it as 2026-10-20T09:00:00Z."
            ) from None
        if as_of.tzinfo is None:
            raise CommandError(f"{text} has no time zone. Write it as 2026-10-20T09:00:00Z.")
        with company_context(company.pk), transaction.atomic():
            Company.objects.filter(pk=company.pk).update(as_of=as_of)
