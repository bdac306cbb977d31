from django.urls import path

from pipeline.views.deal_move import deal_move, transition_withdraw

app_name = "pipeline"
urlpatterns = [
    # The board and the list of deals
    path("deals/<int:deal_id>/move/", deal_move, name="deal_move"),
    path(
        "transitions/<int:transition_id>/withdraw/",
        transition_withdraw,
        name="transition_withdraw",
    ),
]
