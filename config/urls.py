"""Every address of the product. A company's pages stand under /w/<slug>/."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.urls")),
    path("account/", include("allauth.account.urls")),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("w/<slug:company_slug>/", include("pipeline.urls")),
    path("w/<slug:company_slug>/", include("metrics.urls")),
]
