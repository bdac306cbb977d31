"""Structured logs: every line carries the request or task id and, where known, the company."""

import logging
import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# PostgreSQL says beside an error which row it was about; a row holds what people wrote.
_ROWS = re.compile(r"^(DETAIL|CONTEXT|PARAMETERS):.*(?:\n|$)", re.MULTILINE)


class WithoutAddress(logging.Filter):
    """Django names the path of a refused request: it may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line, and of its text what happened alone."""
        if isinstance(record.args, tuple) and record.args:
            record.msg, record.args = str(record.args[0]), ()
        return True


def without_rows(_: object, __: str, event: EventDict) -> EventDict:
    """Take out of an error's text what the database adds about its rows."""
    for key in ("event", "error", "exception"):
        if isinstance(event.get(key), str):
            event[key] = _ROWS.sub("", event[key]).rstrip()
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_rows,
]


def configuration(*, level: int, json: bool) -> dict[str, Any]:
    """Django's LOGGING: readable lines for a person, JSON lines for a machine (LOG_JSON)."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer,
                "foreign_pre_chain": SHARED,
            }
        },
        # Standard error, since some commands promise JSON and nothing else on standard output.
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "filters": {"without_address": {"()": WithoutAddress}},
        "loggers": {
            "django_structlog": {"level": "WARNING"},
            # A 4xx is a line of config/request_log.py already; a 5xx brings its traceback.
            "django.request": {"level": "ERROR", "filters": ["without_address"]},
        },
    }
