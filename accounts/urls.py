from django.urls import path

from accounts.views.appearance import appearance
from accounts.views.health import health_live, health_ready
from accounts.views.workspaces import company_list

app_name = "accounts"
urlpatterns = [
    path("", company_list, name="company_list"),
    path("appearance/", appearance, name="appearance"),
    path("health/live", health_live, name="health_live"),
    path("health/ready", health_ready, name="health_ready"),
]
