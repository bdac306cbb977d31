from django.urls import path, re_path

from pipeline.views.board import board_column, board_page
from pipeline.views.deal_bulk import deal_bulk, deal_bulk_undo
from pipeline.views.deal_list import deal_export, deal_list_page
from pipeline.views.deal_move import deal_move, transition_withdraw
from pipeline.views.saved_segments import segment_change, segment_save

app_name = "pipeline"
urlpatterns = [
    # The board and the list of deals
    path("deals/", board_page, name="board"),
    path("deals/column/<int:stage_id>/", board_column, name="board_column"),
    path("deals/list/", deal_list_page, name="deal_list"),
    re_path(r"^deals/list/deals\.(?P<kind>csv|xlsx)$", deal_export, name="deal_export"),
    path("deals/bulk/", deal_bulk, name="deal_bulk"),
    path("deals/bulk/undo/", deal_bulk_undo, name="deal_bulk_undo"),
    path("deals/segments/", segment_save, name="segment_save"),
    path("deals/segments/<int:segment_id>/", segment_change, name="segment_change"),
    path("deals/<int:deal_id>/move/", deal_move, name="deal_move"),
    path(
        "transitions/<int:transition_id>/withdraw/",
        transition_withdraw,
        name="transition_withdraw",
    ),
]
