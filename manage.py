#!/usr/bin/env python
"""Django's door: migrations, loading, recomputation and checks."""

import os
import sys

from config.launch.addresses import engines_for_a_command
from config.launch.refusal import Refusal

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    try:
        # Where DATABASE_URL and REDIS_URL are not set: those of `make run`, or private ones
        # for as long as the command takes.
        with engines_for_a_command() as engines:
            os.environ.update(engines)
            execute_from_command_line(sys.argv)
    except Refusal as refusal:
        sys.exit(str(refusal))
