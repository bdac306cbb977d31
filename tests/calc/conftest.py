"""The arithmetic is tested without a database and without settings, and the same every time."""

from hypothesis import settings

settings.register_profile("calc", derandomize=True, database=None, deadline=None)
settings.load_profile("calc")
