"""Find a company for an operator's command, or for a message that arrived."""

from django.core.management.base import CommandError
from django.db import connection, transaction

from accounts.models import Company
from accounts.tenancy.context import company_context


def company_id_of(slug: str) -> int | None:
    """The id behind a slug, through a function that answers nothing else; None if unknown."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_company_id(%s)", [slug])
        row = cursor.fetchone()
    return None if row is None else row[0]


def company_id_of_mail(token: str) -> int | None:
    """The company whose address begins with this name, by the same kind of function."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_mail_company_id(%s)", [token])
        row = cursor.fetchone()
    return None if row is None else row[0]


def company_by_slug(slug: str) -> Company:
    """The company of this slug; CommandError with a sentence when there is none."""
    company_id = company_id_of(slug)
    if company_id is None:
        raise CommandError(f"There is no company with the slug {slug}.")
    with company_context(company_id), transaction.atomic():
        return Company.objects.get(pk=company_id)
