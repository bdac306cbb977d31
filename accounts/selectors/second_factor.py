"""Who has a second factor."""

from allauth.mfa.models import Authenticator

# A recovery code stands in for a lost factor; alone it is none.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def factors_of(*, user_id: int) -> frozenset[int]:
    """The ids of a person's apps and passkeys."""
    found = Authenticator.objects.filter(user_id=user_id, type__in=FACTORS)
    return frozenset(found.values_list("pk", flat=True))
