"""Who does something: passed to every service as `by=`."""

from dataclasses import dataclass
from typing import Any

from accounts.roles import MANAGERS, Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A member acting in a role, or the product itself (no user, no role).

    `label` is what history shows; it stays readable after the user has gone.
    """

    user_id: int | None
    label: str
    role: Role | None

    @classmethod
    def member(cls, membership: Any) -> "Actor":
        """The user of a membership (accounts.models.Membership), in its role."""
        return cls(membership.user_id, membership.user.email, Role(membership.role))

    @classmethod
    def product(cls, label: str) -> "Actor":
        """The product itself, e.g. an import that an operator started."""
        return cls(None, label, None)

    @property
    def manages(self) -> bool:
        """May this actor change what others rely on? Operators' commands may."""
        return self.role is None or self.role in MANAGERS
