"""Migrations belong to the owner role; everything else runs as the runtime role."""

from typing import Any


class OwnerMigratesRouter:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"
