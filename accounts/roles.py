"""The four roles of a member of a company."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"  # everything, including members and settings
    MANAGER = "manager"  # works with the figures and corrects the facts
    REP = "rep"  # records own deals, moves and notes
    LEADER = "leader"  # reads

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def rank(self) -> int:
        """How much a role may: nobody gives away more than they have."""
        return {Role.OWNER: 3, Role.MANAGER: 2}.get(self, 1)


READERS = frozenset(Role)
WRITERS = frozenset({Role.OWNER, Role.MANAGER, Role.REP})
MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
OWNERS = frozenset({Role.OWNER})
