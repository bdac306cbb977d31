"""`manage.py make_demo [--if-empty] [--print-signins] [--seed N] [--as-of ISO]`."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.selectors.companies import company_id_of
from metrics.services.demo import NORTHLIGHT, SEED, demo_exists, make_demo, sign_ins


class Command(BaseCommand):
    help = "Make the demo company Northlight Coaching, its users, and a small second company."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where there is a user or the demo"
        )
        parser.add_argument(
            "--print-signins", action="store_true", help="print role, address and password"
        )
        parser.add_argument("--seed", type=int, default=SEED)
        parser.add_argument(
            "--as-of", help="the instant at which the simulated history ends; now by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not (options["if_empty"] and demo_exists()):
            self._make(options["seed"], options["as_of"])
        if options["print_signins"]:
            for sign_in in sign_ins():
                password = sign_in.password or "(the password was changed)"
                self.stdout.write(f"{sign_in.role.value:<8} {sign_in.email:<22} {password}")

    def _make(self, seed: int, as_of: str | None) -> None:
        if company_id_of(NORTHLIGHT) is not None:
            raise CommandError(
                f"There is a company called {NORTHLIGHT} already. The demo is made once;"
                " --if-empty lets this pass."
            )
        now = timezone.now()
        end = now
        if as_of:
            try:
                end = datetime.fromisoformat(as_of)
            except ValueError:
                end = now.replace(tzinfo=None)
            if end.tzinfo is None:
                raise CommandError(
                    f"{as_of} is not an instant with its zone, such as 2026-10-20T09:00:00Z."
                )
        made = make_demo(seed=seed, as_of=end, now=now)
        self.stdout.write(
            f"Made Northlight Coaching: {made.deals} deals, {made.transitions} moves,"
            f" {made.activities} activities, {made.notes} notes."
        )
