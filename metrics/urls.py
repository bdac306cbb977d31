from django.urls import path, re_path

from metrics.views.definitions import definitions
from metrics.views.funnel import funnel, funnel_chart
from metrics.views.velocity import velocity, velocity_chart

_CHART = r"chart/(?P<name>[a-z]+)\.(?P<kind>csv|svg)$"

app_name = "metrics"
urlpatterns = [
    path("velocity/", velocity, name="velocity"),
    re_path(rf"^velocity/{_CHART}", velocity_chart, name="velocity_chart"),
    path("funnel/", funnel, name="funnel"),
    re_path(rf"^funnel/{_CHART}", funnel_chart, name="funnel_chart"),
    path("definitions/", definitions, name="definitions"),
]
