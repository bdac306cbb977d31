from django.urls import path

from accounts.views.appearance import appearance
from accounts.views.health import health_live, health_ready
from accounts.views.profile import profile, second_factor, sign_ins
from accounts.views.workspaces import company_list

app_name = "accounts"
urlpatterns = [
    path("", company_list, name="company_list"),
    path("appearance/", appearance, name="appearance"),
    path("health/live", health_live, name="health_live"),
    path("health/ready", health_ready, name="health_ready"),
    path("account/", profile, name="profile"),
    path("account/sign-ins/", sign_ins, name="sign_ins"),
    path("account/second-factor/needed/", second_factor, name="second_factor"),
]
