"""The Celery application: messages wake a worker, the database knows what is left to do."""

import os

from celery import Celery
from celery.signals import celeryd_init, setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("leverpoint", task_cls="config.counted_task:CountedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect  # type: ignore[untyped-decorator]
def keep_django_logging(**_: object) -> None:
    """Celery would replace the handlers that LOGGING set."""


@celeryd_init.connect  # type: ignore[untyped-decorator]
def refuse_unsafe_role(**_: object) -> None:
    """A worker, like the web, does not start on a database that would mix companies."""
    import django

    django.setup()
    from accounts.tenancy.row_security import refuse_unsafe_role as check

    check()
