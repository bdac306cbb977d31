"""Rights on the figures."""

from accounts.permissions import register
from accounts.roles import MANAGERS, OVERSEERS, OWNERS, READERS, WRITERS

VELOCITY_VIEW = register("velocity.view", READERS)
FUNNEL_VIEW = register("funnel.view", READERS)
DEFINITIONS_VIEW = register("definitions.view", READERS)

# What the team works on, and what it has learned. A rep adds and changes findings on own deals
# only: the services ask for that.
DANGER_VIEW = register("danger.view", READERS)
DANGER_MANAGE = register("danger.manage", MANAGERS)
CHANGE_RECORD = register("change.record", MANAGERS)
FINDING_VIEW = register("finding.view", READERS)
FINDING_ADD = register("finding.add", WRITERS)
REVIEW_VIEW = register("review.view", READERS)
REVIEW_RECORD = register("review.record", MANAGERS)
GUIDE_MANAGE = register("guide.manage", MANAGERS)
VOICES_VIEW = register("voices.view", OVERSEERS)
WHAT_IF_VIEW = register("what_if.view", READERS)
SCENARIO_SAVE = register("scenario.save", MANAGERS)
EXPERIMENT_VIEW = register("experiment.view", READERS)
EXPERIMENT_MANAGE = register("experiment.manage", MANAGERS)
QUARTER_VIEW = register("quarter.view", READERS)
# Signing, and for a second person countersigning.
QUARTER_SIGN = register("quarter.sign", MANAGERS)
QUARTER_REVIEW = register("quarter.review", MANAGERS)
OPERATIONS_VIEW = register("operations.view", OWNERS)
