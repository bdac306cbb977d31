"""Rights on the figures."""

from accounts.permissions import register
from accounts.roles import READERS

VELOCITY_VIEW = register("velocity.view", READERS)
FUNNEL_VIEW = register("funnel.view", READERS)
DEFINITIONS_VIEW = register("definitions.view", READERS)
