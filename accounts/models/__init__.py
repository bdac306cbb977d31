from accounts.models.audit import AuditEntry
from accounts.models.company import Company
from accounts.models.invitation import Invitation
from accounts.models.membership import Membership
from accounts.models.notification import Mailing, Notification, NotificationChoice
from accounts.models.user import User

__all__ = [
    "AuditEntry",
    "Company",
    "Invitation",
    "Mailing",
    "Membership",
    "Notification",
    "NotificationChoice",
    "User",
]
