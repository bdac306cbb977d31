from django.urls import path, re_path

from pipeline.views.board import board_column, board_page
from pipeline.views.contacts import contact_add, contact_edit, contact_retire
from pipeline.views.deal import deal
from pipeline.views.deal_bulk import deal_bulk, deal_bulk_undo
from pipeline.views.deal_close import deal_lose, deal_win
from pipeline.views.deal_edit import deal_edit
from pipeline.views.deal_list import deal_export, deal_list_page
from pipeline.views.deal_move import deal_move, transition_withdraw
from pipeline.views.deal_open import customer_suggest, deal_open, deal_open_hints
from pipeline.views.my_day import my_day
from pipeline.views.notes import activity_add, email, note, note_add
from pipeline.views.quick_capture import activity_take_back, deal_suggest, quick_capture
from pipeline.views.saved_segments import segment_change, segment_save
from pipeline.views.search import search
from pipeline.views.transition_correct import transition_correct

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
    # Opened and logged from anywhere
    path("deals/new/", deal_open, name="deal_open"),
    path("deals/new/hints/", deal_open_hints, name="deal_open_hints"),
    path("customers/suggest/", customer_suggest, name="customer_suggest"),
    path("quick/", quick_capture, name="quick_capture"),
    path("quick/deals/", deal_suggest, name="deal_suggest"),
    path("activities/<int:activity_id>/take-back/", activity_take_back, name="activity_take_back"),
    path("my-day/", my_day, name="my_day"),
    path("search/", search, name="search"),
    # The deal page
    path("deals/<int:deal_id>/", deal, name="deal"),
    path("deals/<int:deal_id>/win/", deal_win, name="deal_win"),
    path("deals/<int:deal_id>/lose/", deal_lose, name="deal_lose"),
    path("deals/<int:deal_id>/edit/<slug:field>/", deal_edit, name="deal_edit"),
    path("deals/<int:deal_id>/notes/", note_add, name="note_add"),
    path("deals/<int:deal_id>/activities/", activity_add, name="activity_add"),
    path("notes/<int:note_id>/", note, name="note"),
    path("emails/<int:email_id>/", email, name="email"),
    path(
        "transitions/<int:transition_id>/correct/", transition_correct, name="transition_correct"
    ),
    path("customers/<int:customer_id>/contacts/add/", contact_add, name="contact_add"),
    path(
        "customers/<int:customer_id>/contacts/<int:contact_id>/", contact_edit, name="contact_edit"
    ),
    path(
        "customers/<int:customer_id>/contacts/<int:contact_id>/retire/",
        contact_retire,
        name="contact_retire",
    ),
]
