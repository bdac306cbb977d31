"""Rights on the facts."""

from accounts.permissions import register
from accounts.roles import MANAGERS, READERS, WRITERS

DEAL_VIEW = register("deal.view", READERS)
DEAL_OPEN = register("deal.open", WRITERS)
DEAL_MOVE = register("deal.move", WRITERS)
DEAL_CHANGE = register("deal.change", WRITERS)
# A rep corrects what the rep recorded, while its quarter is open: the selector and rules.py ask.
DEAL_CORRECT = register("deal.correct", WRITERS)
DEAL_IMPORT = register("deal.import", MANAGERS)
MAIL_VIEW = register("mail.view", WRITERS)
MAIL_ASSIGN = register("mail.assign", WRITERS)
MAIL_SETTINGS = register("mail.settings", MANAGERS)
SEGMENT_SAVE = register("segment.save", WRITERS)
SETTINGS_CHANGE = register("settings.change", MANAGERS)
MATERIAL_VIEW = register("material.view", READERS)
MATERIAL_MANAGE = register("material.manage", MANAGERS)
# A rep on own deals only: the service asks for that.
MATERIAL_SEND = register("material.send", WRITERS)
THEME_MANAGE = register("theme.manage", MANAGERS)
