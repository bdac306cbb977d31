"""Is the process up, and can it work?"""

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from accounts.access import public_view


@public_view
def health_live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "live"})


@public_view
def health_ready(request: HttpRequest) -> JsonResponse:
    """Database and Redis answer; 503 names what does not."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        missing.append("database")
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()
    except redis.RedisError:
        missing.append("redis")
    body = {"status": "ready"} if not missing else {"status": "not ready", "missing": missing}
    return JsonResponse(body, status=503 if missing else 200)
