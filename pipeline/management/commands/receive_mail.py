"""`manage.py receive_mail < message.eml`: one message from a local mail server.

The company is the one whose address the message carries (To, Cc, Delivered-To, X-Original-To),
or `--to` says what the server knows of it, or `--slug` names it. Ends with 65 where the message
cannot be taken, which tells a mail server to send it back, and with 75 where it shall try again.
"""

import sys
from argparse import ArgumentParser
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from accounts.selectors.companies import company_by_slug
from pipeline.importers.mail import BYTES
from pipeline.models import EmailMessage
from pipeline.services.deliver_mail import Delivery, deliver_mail

_DATA_ERROR, _TRY_AGAIN = 65, 75  # sysexits.h


class Command(BaseCommand):
    stealth_options = ("stdin",)
    help = "Receive one e-mail message from standard input into a company's timeline or tray."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slug", help="the company, whatever the message's addresses say")
        parser.add_argument(
            "--to", action="append", default=[], help="an address that the message went to"
        )

    def handle(self, *args: Any, **told: Any) -> None:
        source: BinaryIO = told.get("stdin") or sys.stdin.buffer
        data = source.read(BYTES + 1)
        if not data.strip():
            raise CommandError("Nothing came in: send the message to standard input.")
        company = company_by_slug(told["slug"]) if told["slug"] else None
        try:
            delivery = deliver_mail(
                data=data,
                now=timezone.now(),
                also_to=told["to"],
                company_id=company.pk if company else None,
            )
        except OperationalError as error:
            raise CommandError(
                "The database cannot be reached. Try again later.", returncode=_TRY_AGAIN
            ) from error
        if delivery.refused:
            raise CommandError(delivery.refused, returncode=_DATA_ERROR)
        self._say(delivery)

    def _say(self, delivery: Delivery) -> None:
        for received in delivery.received:
            if received.repeated:
                self.stdout.write(f"Message {received.email_id}: arrived before.")
            elif received.state == EmailMessage.State.MATCHED:
                self.stdout.write(f"Message {received.email_id}: deal {received.deal_id}.")
            else:
                self.stdout.write(f"Message {received.email_id}: waits ({received.why}).")
