"""`migrate` as the owner role, then row security and grants on every table."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate

from accounts.tenancy.row_security import secure


class Command(Migrate):
    help = "Migrate as the owner role and secure every table for the runtime role."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError(
                "Migrations run as the owner role: set DATABASE_OWNER_URL (docs/operations.md)."
            )
        super().handle(*args, **options)
        if (
            options["database"] == "owner"
            and not options["plan"]
            and not options["check_unapplied"]
        ):
            count = secure(using="owner")
            if options["verbosity"] >= 1:
                self.stdout.write(f"Row security and grants applied to {count} tables.")
