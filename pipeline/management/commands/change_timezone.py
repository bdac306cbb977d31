"""Move a company to another time zone, however long its history is."""

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.selectors.companies import company_by_slug
from accounts.tenancy.context import company_context
from pipeline.services.company_settings import CompanySettings, change_company
from pipeline.services.local_days import count_days_anew
from pipeline.tasks import wake


class Command(BaseCommand):
    help = (
        "Move a company to another time zone: the local days of its facts are counted anew, "
        "quarters that are not final are computed again. Run again, it repairs days that were "
        "recorded meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("timezone", help="an IANA name, such as Europe/Paris")

    def handle(self, *args: Any, **options: Any) -> None:
        company = company_by_slug(options["slug"])
        wanted = replace(CompanySettings.of(company), timezone=options["timezone"])
        try:
            with company_context(company.pk):
                changed = change_company(
                    by=Actor.product("change_timezone"),
                    wanted=wanted,
                    now=timezone.now(),
                    most=None,
                )
                repaired = repair(changed.pk)
                wake(company.pk)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(f"{company.name} counts its days in {changed.timezone}.")
        if repaired:
            self.stdout.write(f"{repaired} days that were recorded meanwhile were repaired.")


def repair(company_id: int) -> int:
    """Days of moves that were being recorded in the old zone while it changed."""
    with transaction.atomic():
        company = Company.objects.select_for_update().get(pk=company_id)
        return count_days_anew(company=company)
