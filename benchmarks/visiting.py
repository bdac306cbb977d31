"""What the parts that ask for pages share: Django as a server runs it, and a signed-in reader.

Imported first of all, since it sets Django up.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import django

# The page's own work is measured, not the look-up of hashed file names, which is cached.
os.environ.setdefault(
    "STATICFILES_BACKEND", "django.contrib.staticfiles.storage.StaticFilesStorage"
)
os.environ["DEBUG"] = "false"
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from accounts.actors import Actor  # noqa: E402
from accounts.models import Company, User  # noqa: E402
from accounts.roles import Role  # noqa: E402
from accounts.services.companies import add_member  # noqa: E402
from accounts.tenancy.context import company_context  # noqa: E402
from benchmarks.measuring import Meter, Spent  # noqa: E402

if TYPE_CHECKING:
    from accounts.models import Membership

BY = Actor.product("bench")
settings.ALLOWED_HOSTS = ["testserver"]


def company_of(company_id: int) -> Company:
    with company_context(company_id), transaction.atomic():
        return Company.objects.get(pk=company_id)


def manager_of(company: Company, now: datetime) -> "Membership":
    """A new manager of the company; a database may be kept for the next run."""
    user = User.objects.create_user(
        f"manager@{company.slug}-{now:%Y%m%d%H%M%S%f}.example", name="Bench Manager"
    )
    return add_member(company=company, user=user, role=Role.MANAGER, by=BY, now=now)


@dataclass(slots=True)
class Reader:
    """A browser that is signed in, without a network between; its requests are measured."""

    client: Client
    meter: Meter

    def visit(self, url: str) -> Spent:
        """One request; an answer that is no page ends the run."""
        with self.meter.measured() as spent:
            response = self.client.get(url)
        assert response.status_code == 200, (url, response.status_code)
        return spent

    def seen(self, url: str) -> tuple[int, int]:
        """How many queries a request asks, and how many bytes its answer has."""
        with CaptureQueriesContext(connection) as captured:
            body = self.client.get(url).content
        return len(captured), len(body)


def reader(user: User) -> Reader:
    client = Client()
    client.force_login(user)
    connection.ensure_connection()
    return Reader(client, Meter(connection.connection.info.backend_pid))
