"""Mail that comes in: which provider posts it here, and how its posts are known to be its own."""

from django.core.exceptions import ImproperlyConfigured

# provider -> what its signing key is called in django-anymail; "" where it signs nothing and a
# user and password in the webhook's address are all there is.
PROVIDERS = {
    "mailersend": "MAILERSEND_INBOUND_SECRET",
    "mailgun": "MAILGUN_WEBHOOK_SIGNING_KEY",
    "mailjet": "",
    "postal": "POSTAL_WEBHOOK_KEY",
    "postmark": "",
    "sendgrid": "",
    "sparkpost": "",
}


def anymail(*, provider: str, secret: str, signing_key: str) -> dict[str, str]:
    """The ANYMAIL setting. A provider that nobody could check is refused at the start."""
    if not provider:
        return {}
    if provider not in PROVIDERS:
        raise ImproperlyConfigured(f"MAIL_PROVIDER is one of {', '.join(PROVIDERS)}.")
    key = PROVIDERS[provider]
    if secret and not all(secret.partition(":")):
        raise ImproperlyConfigured("MAIL_WEBHOOK_SECRET is written as user:password.")
    if key and not signing_key:
        raise ImproperlyConfigured(f"{provider} signs what it posts: set MAIL_SIGNING_KEY.")
    if not key and not secret:
        raise ImproperlyConfigured(
            f"{provider} signs nothing: set MAIL_WEBHOOK_SECRET to user:password."
        )
    found = {"WEBHOOK_SECRET": secret} if secret else {}
    return {**found, key: signing_key} if key else found
