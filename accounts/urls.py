from django.urls import include, path

from accounts.views.appearance import appearance
from accounts.views.health import health_live, health_ready
from accounts.views.invitation import invitation
from accounts.views.members import (
    invitation_resend,
    invitation_revoke,
    member_invite,
    member_list,
    member_remove,
    member_role,
)
from accounts.views.notifications import (
    notification_choices,
    notification_count,
    notification_list,
    notification_read,
)
from accounts.views.profile import profile, second_factor, sign_ins
from accounts.views.settings import audit, settings
from accounts.views.workspaces import company_list

app_name = "accounts"
_settings = [
    path("", settings, name="settings"),
    path("audit/", audit, name="audit"),
    path("members/", member_list, name="member_list"),
    path("members/invite/", member_invite, name="member_invite"),
    path("members/<int:membership_id>/role/", member_role, name="member_role"),
    path("members/<int:membership_id>/remove/", member_remove, name="member_remove"),
    path(
        "invitations/<int:invitation_id>/send-again/", invitation_resend, name="invitation_resend"
    ),
    path("invitations/<int:invitation_id>/withdraw/", invitation_revoke, name="invitation_revoke"),
]
_notifications = [
    path("", notification_list, name="notification_list"),
    path("unread/", notification_count, name="notification_count"),
    path("read/", notification_read, name="notification_read"),
    path("choices/", notification_choices, name="notification_choices"),
]
urlpatterns = [
    path("", company_list, name="company_list"),
    path("appearance/", appearance, name="appearance"),
    path("health/live", health_live, name="health_live"),
    path("health/ready", health_ready, name="health_ready"),
    path("invitations/<str:token>/", invitation, name="invitation"),
    path("w/<slug:company_slug>/settings/", include(_settings)),
    path("w/<slug:company_slug>/notifications/", include(_notifications)),
    path("account/", profile, name="profile"),
    path("account/sign-ins/", sign_ins, name="sign_ins"),
    path("account/second-factor/needed/", second_factor, name="second_factor"),
]
