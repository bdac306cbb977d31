"""The four roles of a member of a company."""

from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Role(StrEnum):
    OWNER = "owner"  # everything, including members and settings
    MANAGER = "manager"  # works with the figures and corrects the facts
    REP = "rep"  # records own deals, moves and notes
    LEADER = "leader"  # reads

    @property
    def label(self) -> "StrOrPromise":
        """The role's name in the language of whoever reads it."""
        return {
            Role.OWNER: _("Owner"),
            Role.MANAGER: _("Manager"),
            Role.REP: _("Rep"),
            Role.LEADER: _("Leader"),
        }[self]

    @property
    def rank(self) -> int:
        """How much a role may: nobody gives away more than they have."""
        return {Role.OWNER: 3, Role.MANAGER: 2}.get(self, 1)


READERS = frozenset(Role)
WRITERS = frozenset({Role.OWNER, Role.MANAGER, Role.REP})
MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
OWNERS = frozenset({Role.OWNER})
# Who looks at the work of all: leadership reads it, reps see their own.
OVERSEERS = frozenset({Role.OWNER, Role.MANAGER, Role.LEADER})
