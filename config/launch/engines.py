"""The database and the broker of one run: the ones named by the environment, else private ones."""

import os
from collections.abc import Mapping
from types import TracebackType

from config.launch.places import Home
from config.launch.postgres import OWNER, Postgres
from config.launch.redis_server import Redis
from config.launch.refusal import Refusal

DEFAULT_VERSION = 18


def wanted_version() -> int:
    """The major version of a private PostgreSQL, from PG."""
    text = os.environ.get("PG", "").strip() or str(DEFAULT_VERSION)
    if not text.isdigit():
        raise Refusal(f"PG={text} is not a version. Use PG=18 (the default) or PG=16.")
    return int(text)


class Engines:
    """Starts what the environment does not name, and says under which addresses all is found.

    `environment()` is complete after `__enter__`: DATABASE_URL, DATABASE_OWNER_URL (for
    migrations alone), REDIS_URL and SECRET_KEY.
    """

    def __init__(
        self,
        home: Home,
        *,
        version: int = DEFAULT_VERSION,
        tuning: Mapping[str, str] | None = None,
        may_create_databases: bool = False,
        with_redis: bool = True,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        self._given = dict(os.environ if given is None else given)
        if self._given.get("DATABASE_OWNER_URL") and not self._given.get("DATABASE_URL"):
            raise Refusal("DATABASE_OWNER_URL is set without DATABASE_URL. Set both or neither.")
        self.postgres = (
            None
            if self._given.get("DATABASE_URL")
            else Postgres(
                home, version=version, tuning=tuning, may_create_databases=may_create_databases
            )
        )
        self.redis = Redis(home) if with_redis and not self._given.get("REDIS_URL") else None

    @property
    def private(self) -> list[Postgres | Redis]:
        return [engine for engine in (self.postgres, self.redis) if engine is not None]

    def __enter__(self) -> "Engines":
        try:
            for engine in self.private:
                engine.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        for engine in reversed(self.private):
            engine.stop()

    def environment(self) -> dict[str, str]:
        """The variables that config.settings reads, for the engines as they run now."""
        found = {
            name: self._given[name]
            for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY")
            if self._given.get(name)
        }
        if self.postgres:
            found["DATABASE_URL"] = self.postgres.url()
            found["DATABASE_OWNER_URL"] = self.postgres.url(OWNER)
        if self.redis:
            found["REDIS_URL"] = self.redis.url
        found.setdefault("SECRET_KEY", self._home.secrets().secret_key)
        return found
