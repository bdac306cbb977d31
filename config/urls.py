"""Every address of the product. A company's pages stand under /w/<slug>/."""

from django.urls import include, path

from config.telemetry import prometheus
from pipeline.views.mail_inbound import mail_inbound
from pipeline.views.tracked_link import tracked_link

urlpatterns = [
    path("", include("accounts.urls")),
    path("account/", include("allauth.account.urls")),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("metrics", prometheus, name="prometheus"),
    path("mail/inbound/", mail_inbound, name="mail_inbound"),
    path("m/<str:token>/", tracked_link, name="tracked_link"),
    path("w/<slug:company_slug>/", include("pipeline.urls")),
    path("w/<slug:company_slug>/", include("metrics.urls")),
]

# Bodies that no view gets to see: too large, or broken.
handler400 = "accounts.views.errors.bad_request"
