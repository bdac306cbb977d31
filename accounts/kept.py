"""Parts of pages kept for the next reader, whichever process answers.

For a part that many people read and that is long to make. It is kept with a mark: a name for all
that it was made of, the very rows included. Whoever asks with another mark makes it anew, so that
nothing is ever stale, and a mark holds the company, so that nothing is ever somebody else's.

A company has a fixed number of places and a part falls into one of them by its mark: Redis, which
never throws away what is in it (it holds the queue besides), cannot be filled by asking for pages.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from redis.exceptions import RedisError

PLACES = 64  # of a company and a kind of part, some 100 kB each
_SECONDS = 3600  # a company that nobody looks at gives its places back
_CODE = ("accounts", "config", "locale", "metrics", "pipeline", "static", "templates")
log = structlog.get_logger()


def kept(*, company_id: int, name: str, mark: object, make: Callable[[], SafeString]) -> SafeString:
    """The part of that name that was made under the same mark, else what `make` makes now.

    `mark` is all that the part depends on but the reader's language and the program itself, as
    something whose repr says it. Without Redis the part is made anew each time.
    """
    if settings.DEBUG:  # templates are being written
        return make()
    said = repr((company_id, name, get_language(), _program(), mark))
    digest = hashlib.sha256(said.encode()).hexdigest()
    key = f"{company_id}:kept:{name}:{int(digest, 16) % PLACES}"
    try:
        found = cache.get(key)
    except RedisError as error:
        log.warning("kept_unread", name=name, error=str(error))
        return make()
    known = found is not None and found[0] == digest
    html: SafeString = found[1] if known else make()
    try:
        if known:
            cache.touch(key, _SECONDS)
        else:
            cache.set(key, (digest, html), _SECONDS)
    except RedisError as error:
        log.warning("kept_unwritten", name=name, error=str(error))
    return html


@lru_cache(maxsize=1)
def _program() -> str:
    """A name for the code, templates, translations and static files that this process runs: what
    another version of the program wrote, with its addresses of icons, is not handed out."""
    files = sorted(
        path
        for folder in _CODE
        for path in (settings.BASE_DIR / folder).rglob("*")
        if path.suffix in {".css", ".html", ".js", ".mo", ".py", ".svg"}
    )
    told = repr([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files])
    return hashlib.sha256(told.encode()).hexdigest()
