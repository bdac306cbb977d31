"""Is the process up, and can it work?"""

from functools import lru_cache

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse

from accounts.access import public_view


@public_view
def health_live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "live"})


@public_view
def health_ready(request: HttpRequest) -> JsonResponse:
    """Database and Redis answer, and the tables are those of this code; 503 names what is not."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _wanted() <= MigrationRecorder(connection).applied_migrations().keys():
            missing.append("migrations")
    except Error:
        missing.append("database")
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2).ping()
    except redis.RedisError:
        missing.append("redis")
    body = {"status": "ready"} if not missing else {"status": "not ready", "missing": missing}
    return JsonResponse(body, status=503 if missing else 200)


@lru_cache(maxsize=1)
def _wanted() -> frozenset[tuple[str, str]]:
    """The newest migration of each app, as this code has them."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())
