"""Tokens of tracked links: made of a link's nonce, found by their hash.

The token is an HMAC of the nonce with a key derived from SECRET_KEY, which the database does not
hold: who reads the table cannot follow links.
"""

import base64
import hashlib
from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from pipeline.models import TrackedLink

NONCE_BYTES = 32
TOKEN_LENGTH = 43  # 256 bits in base64, without padding
_SALT = "pipeline.tracked_links.token"


def hash_of(token: str) -> str:
    """What is kept of a token. It has 256 unguessable bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_of(link: TrackedLink) -> str | None:
    """The token of a link, made again from its nonce.

    None where it cannot be known: the installation's key is another one than it was made with.
    """
    for token in tokens_of(bytes(link.nonce)):
        if hash_of(token) == link.token_hash:
            return token
    return None


def tokens_of(nonce: bytes) -> Iterator[str]:
    """The token by the key in use, then by those that were in use before."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        digest = salted_hmac(_SALT, nonce, secret=key, algorithm="sha256").digest()
        yield base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def readable(token: str) -> bool:
    """Has it the form of a token? What has not is looked for nowhere."""
    return (
        len(token) == TOKEN_LENGTH
        and token.isascii()
        and all(letter.isalnum() or letter in "-_" for letter in token)
    )


def company_of_link(*, token_hash: str) -> int | None:
    """The company behind the hash of a token, through a function that answers nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_tracked_link_company(%s)", [token_hash])
        row = cursor.fetchone()
    return None if row is None else row[0]
