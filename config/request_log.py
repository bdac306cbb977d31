"""Around every request: its id, one line in the log, and a count for /metrics.

The line names the page, never the address: a path may hold a token, a query what was searched.
"""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from accounts.telemetry import count_request

log = structlog.get_logger("leverpoint.request")

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Asked every few seconds by machines: counted, not written down.
_SILENT = {"accounts:health_live", "accounts:health_ready", "prometheus"}


class RequestLogMiddleware:
    """Take the id that a proxy gave (X-Request-ID) or make one; say it in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.headers.get("X-Request-ID", "")
        # What is not plainly an id is not taken over: it ends up in logs and in the audit trail.
        request_id = told if _ID.fullmatch(told) else uuid.uuid4().hex
        begun = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            _note(request, response.status_code, time.perf_counter() - begun)
            return response
        finally:
            structlog.contextvars.clear_contextvars()


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    match = request.resolver_match
    page = match.view_name if match and match.view_name else "other"
    count_request(page=page, status=status, seconds=seconds)
    if page in _SILENT and status < 500:
        return
    write = log.error if status >= 500 else log.info
    write(
        "request",
        page=page,
        method=request.method if request.method in _METHODS else "other",
        status=status,
        ms=round(seconds * 1000),
    )


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
