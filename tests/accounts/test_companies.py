"""Companies, users and members come into being."""

from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.models import AuditEntry, Company, Membership, User
from accounts.roles import Role
from accounts.selectors.companies import company_by_slug, company_id_of
from accounts.services.companies import add_member, create_company, create_user
from accounts.tenancy.context import active_company_id, company_context
from tests.personas import NOW, OPERATOR, make_user, make_workspace

pytestmark = pytest.mark.django_db


def make(**more: Any) -> Company:
    values = {"slug": "acme", "name": "Acme Ltd", "by": OPERATOR, "now": NOW, **more}
    return create_company(**values)


def test_a_company_is_made() -> None:
    company = make(timezone="Asia/Kathmandu", currency="NPR", fiscal_year_start_month=7)
    assert active_company_id() is None
    assert company_id_of("acme") == company.pk
    found = company_by_slug("acme")
    assert (found.name, found.timezone, found.currency) == ("Acme Ltd", "Asia/Kathmandu", "NPR")
    with company_context(company.pk):
        (entry,) = AuditEntry.objects.all()
        assert (entry.action, entry.object_id, entry.actor_label) == (
            "company.created",
            company.pk,
            "tests",
        )
        assert entry.after == {"slug": "acme", "name": "Acme Ltd"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"timezone": "Mars/Olympus"}, "There is no time zone called Mars/Olympus."),
        ({"slug": "not a slug"}, "Slug: "),
        ({"slug": ""}, "Slug: "),
        ({"slug": "x" * 61}, "Slug: "),
        ({"name": ""}, "Name: "),
        ({"fiscal_year_start_month": 13}, "Fiscal year start month: "),
        ({"settle_days": 61}, "Settle days: "),
        ({"velocity_number": "luck"}, "Velocity number: "),
    ],
)
def test_refused_in_words(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DomainError) as refusal:
        make(**more)
    assert refusal.value.sentence.startswith(sentence)
    assert company_id_of(str(more.get("slug", "acme"))) is None
    assert active_company_id() is None


def test_a_taken_address_is_told() -> None:
    first = make()
    with pytest.raises(DomainError, match="The address acme is taken. Choose another."):
        make(name="Another")
    assert company_by_slug("acme").pk == first.pk


def test_each_company_is_alone() -> None:
    one, other = make(), make(slug="other")
    with company_context(one.pk):
        assert [c.pk for c in Company.objects.all()] == [one.pk]
    with company_context(other.pk):
        assert [c.pk for c in Company.objects.all()] == [other.pk]


def test_a_user_is_made_once() -> None:
    from allauth.account.models import EmailAddress

    user = create_user(email=" Anna@Example.com ", name="Anna Ash", password="a long one indeed")
    assert user.email == "anna@example.com"
    assert user.check_password("a long one indeed")
    assert user.initials == "AA"
    (address,) = EmailAddress.objects.filter(user=user)
    assert (address.email, address.verified, address.primary) == ("anna@example.com", True, True)
    again = create_user(email="ANNA@example.com", name="Other", password="another")
    assert again.pk == user.pk
    assert again.check_password("a long one indeed")
    assert User.objects.filter(email__iexact="anna@example.com").count() == 1


def test_a_user_needs_an_address() -> None:
    for wrong in ("", "nobody"):
        with pytest.raises(ValueError, match="e-mail address"):
            User.objects.create_user(email=wrong)


def test_a_user_without_a_password_cannot_sign_in_with_one() -> None:
    user = create_user(email="anna@example.com", name="Anna", password=None)
    assert not user.has_usable_password()


def test_a_member_is_added_and_audited() -> None:
    company, user = make(), make_user("anna@example.com")
    membership = add_member(company=company, user=user, role=Role.REP, by=OPERATOR, now=NOW)
    with company_context(company.pk):
        assert Membership.objects.get().pk == membership.pk
        entry = AuditEntry.objects.get(action="member.added")
        assert entry.after == {"email": "anna@example.com", "role": "rep"}


def test_a_member_gets_another_role() -> None:
    company, user = make(), make_user("anna@example.com")
    first = add_member(company=company, user=user, role=Role.REP, by=OPERATOR, now=NOW)
    second = add_member(company=company, user=user, role=Role.MANAGER, by=OPERATOR, now=NOW)
    assert (second.pk, second.role) == (first.pk, "manager")
    with company_context(company.pk):
        entry = AuditEntry.objects.get(action="member.role_changed")
        assert (entry.before, entry.after["role"]) == ({"role": "rep"}, "manager")
        add_member(company=company, user=user, role=Role.MANAGER, by=OPERATOR, now=NOW)
        assert AuditEntry.objects.filter(object_type="membership").count() == 2


def test_a_member_of_one_company_is_nobody_in_another() -> None:
    one, other = make_workspace("one"), make_workspace("other")
    user = one.user(Role.OWNER)
    with company_context(other.company.pk):
        assert not Membership.objects.filter(user=user).exists()
    add_member(company=other.company, user=user, role=Role.LEADER, by=OPERATOR, now=NOW)
    with company_context(one.company.pk):
        assert Membership.objects.get(user=user).role == "owner"
