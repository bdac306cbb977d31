"""Which role may do what: one table, read by views, tests and docs.

Each app adds its own lines in its `permissions.py`. The whole table is pinned in
tests/guards/policy.txt, so that a changed right shows as a diff.
"""

from accounts.roles import MANAGERS, OWNERS, READERS, Role

_TABLE: dict[str, frozenset[Role]] = {}


def register(permission: str, roles: frozenset[Role]) -> str:
    """Add a permission (`noun.verb`) to the table; the same name twice is a mistake."""
    if permission in _TABLE:
        raise ValueError(f"permission {permission} is registered twice")
    _TABLE[permission] = roles
    return permission


def policy() -> dict[str, frozenset[Role]]:
    """The whole table, permission -> roles."""
    return dict(_TABLE)


def roles_with(permission: str) -> frozenset[Role]:
    """Which roles have the permission; an unknown one is an error, never "nobody"."""
    return _TABLE[permission]


def allows(role: Role, permission: str) -> bool:
    """May this role do this?"""
    return role in roles_with(permission)


COMPANY_VIEW = register("company.view", READERS)
COMPANY_SETTINGS = register("company.settings", OWNERS)
SETTINGS_VIEW = register("settings.view", MANAGERS)
MEMBER_VIEW = register("member.view", MANAGERS)
MEMBER_MANAGE = register("member.manage", OWNERS)
AUDIT_VIEW = register("audit.view", OWNERS)
NOTIFICATION_VIEW = register("notification.view", READERS)  # their own, and their choices
