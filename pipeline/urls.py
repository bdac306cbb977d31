from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.views.board import board_column, board_page
from pipeline.views.contacts import contact_add, contact_edit, contact_retire
from pipeline.views.deal import deal
from pipeline.views.deal_bulk import deal_bulk, deal_bulk_undo
from pipeline.views.deal_close import deal_lose, deal_win
from pipeline.views.deal_edit import deal_edit
from pipeline.views.deal_list import deal_export, deal_list_page
from pipeline.views.deal_material import (
    deal_material_page,
    material_send,
    tracked_link_revoke,
)
from pipeline.views.deal_move import deal_move, transition_withdraw
from pipeline.views.deal_open import customer_suggest, deal_open, deal_open_hints
from pipeline.views.mail_attachment import mail_attachment
from pipeline.views.mail_tray import (
    mail_assign,
    mail_dismiss,
    mail_put_back,
    mail_tray,
    mail_waiting,
)
from pipeline.views.material import (
    material,
    material_add,
    material_edit,
    material_list_page,
    material_restore,
    material_retire,
)
from pipeline.views.my_day import my_day
from pipeline.views.notes import activity_add, email, note, note_add
from pipeline.views.quick_capture import activity_take_back, deal_suggest, quick_capture
from pipeline.views.saved_segments import segment_change, segment_save
from pipeline.views.search import search
from pipeline.views.settings_catalogues import (
    settings_catalogue,
    settings_entry,
    settings_entry_add,
    settings_entry_merge,
    settings_entry_restore,
    settings_entry_retire,
    settings_rep_hand_over,
)
from pipeline.views.settings_company import settings_company
from pipeline.views.settings_mail import (
    settings_mail,
    settings_mail_attachments,
    settings_mail_new,
)
from pipeline.views.settings_pipelines import (
    settings_pipeline_add,
    settings_pipeline_order,
    settings_pipeline_rename,
    settings_pipeline_restore,
    settings_pipeline_retire,
    settings_pipelines,
)
from pipeline.views.settings_rates import (
    settings_rate_deals,
    settings_rates,
    settings_rates_paste,
    settings_rates_save,
)
from pipeline.views.settings_stages import (
    settings_pipeline,
    settings_stage,
    settings_stage_add,
    settings_stage_order,
    settings_stage_restore,
    settings_stage_retire,
)
from pipeline.views.transition_correct import transition_correct


class CatalogueConverter(StringConverter):
    """A catalogue by its name: the settings of other apps may stand beside them."""

    regex = "|".join(CATALOGUES)


register_converter(CatalogueConverter, "catalogue")

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
    # Enablement material
    path("material/", material_list_page, name="material_list"),
    path("material/add/", material_add, name="material_add"),
    path("material/<int:material_id>/", material, name="material"),
    path("material/<int:material_id>/edit/", material_edit, name="material_edit"),
    path("material/<int:material_id>/retire/", material_retire, name="material_retire"),
    path("material/<int:material_id>/restore/", material_restore, name="material_restore"),
    path("material/links/<int:link_id>/revoke/", tracked_link_revoke, name="tracked_link_revoke"),
    path("deals/<int:deal_id>/material/", deal_material_page, name="deal_material"),
    path("deals/<int:deal_id>/material/send/", material_send, name="material_send"),
    # Mail
    path("mail/", mail_tray, name="mail_tray"),
    path("mail/waiting/", mail_waiting, name="mail_waiting"),
    path("mail/<int:mail_id>/", mail_assign, name="mail_assign"),
    path("mail/<int:mail_id>/dismiss/", mail_dismiss, name="mail_dismiss"),
    path("mail/<int:mail_id>/put-back/", mail_put_back, name="mail_put_back"),
    path("settings/mail/", settings_mail, name="settings_mail"),
    path("settings/mail/new/", settings_mail_new, name="settings_mail_new"),
    path("settings/mail/attachments/", settings_mail_attachments, name="settings_mail_attachments"),
    # The deal page
    path("deals/<int:deal_id>/", deal, name="deal"),
    path("deals/<int:deal_id>/win/", deal_win, name="deal_win"),
    path("deals/<int:deal_id>/lose/", deal_lose, name="deal_lose"),
    path("deals/<int:deal_id>/edit/<slug:field>/", deal_edit, name="deal_edit"),
    path("deals/<int:deal_id>/notes/", note_add, name="note_add"),
    path("deals/<int:deal_id>/activities/", activity_add, name="activity_add"),
    path("notes/<int:note_id>/", note, name="note"),
    path("emails/<int:email_id>/", email, name="email"),
    path("attachments/<int:attachment_id>/", mail_attachment, name="mail_attachment"),
    path("transitions/<int:transition_id>/correct/", transition_correct, name="transition_correct"),
    path("customers/<int:customer_id>/contacts/add/", contact_add, name="contact_add"),
    path(
        "customers/<int:customer_id>/contacts/<int:contact_id>/", contact_edit, name="contact_edit"
    ),
    path(
        "customers/<int:customer_id>/contacts/<int:contact_id>/retire/",
        contact_retire,
        name="contact_retire",
    ),
    # Settings of the pipeline
    path("settings/company/", settings_company, name="settings_company"),
    path("settings/pipelines/", settings_pipelines, name="settings_pipelines"),
    path("settings/pipelines/add/", settings_pipeline_add, name="settings_pipeline_add"),
    path("settings/pipelines/<int:pipeline_id>/", settings_pipeline, name="settings_pipeline"),
    path(
        "settings/pipelines/<int:pipeline_id>/rename/",
        settings_pipeline_rename,
        name="settings_pipeline_rename",
    ),
    path(
        "settings/pipelines/<int:pipeline_id>/order/",
        settings_pipeline_order,
        name="settings_pipeline_order",
    ),
    path(
        "settings/pipelines/<int:pipeline_id>/retire/",
        settings_pipeline_retire,
        name="settings_pipeline_retire",
    ),
    path(
        "settings/pipelines/<int:pipeline_id>/restore/",
        settings_pipeline_restore,
        name="settings_pipeline_restore",
    ),
    path(
        "settings/pipelines/<int:pipeline_id>/stages/add/",
        settings_stage_add,
        name="settings_stage_add",
    ),
    path("settings/stages/<int:stage_id>/", settings_stage, name="settings_stage"),
    path(
        "settings/stages/<int:stage_id>/order/", settings_stage_order, name="settings_stage_order"
    ),
    path(
        "settings/stages/<int:stage_id>/retire/",
        settings_stage_retire,
        name="settings_stage_retire",
    ),
    path(
        "settings/stages/<int:stage_id>/restore/",
        settings_stage_restore,
        name="settings_stage_restore",
    ),
    path("settings/rates/", settings_rates, name="settings_rates"),
    path("settings/rates/save/", settings_rates_save, name="settings_rates_save"),
    path("settings/rates/paste/", settings_rates_paste, name="settings_rates_paste"),
    re_path(
        r"^settings/rates/(?P<currency>[A-Z]{3})/(?P<month>\d{4}-\d{2})/$",
        settings_rate_deals,
        name="settings_rate_deals",
    ),
    path(
        "settings/reps/<int:entry_id>/hand-over/",
        settings_rep_hand_over,
        name="settings_rep_hand_over",
    ),
    path("settings/<catalogue:catalogue>/", settings_catalogue, name="settings_catalogue"),
    path("settings/<catalogue:catalogue>/add/", settings_entry_add, name="settings_entry_add"),
    path("settings/<catalogue:catalogue>/<int:entry_id>/", settings_entry, name="settings_entry"),
    path(
        "settings/<catalogue:catalogue>/<int:entry_id>/merge/",
        settings_entry_merge,
        name="settings_entry_merge",
    ),
    path(
        "settings/<catalogue:catalogue>/<int:entry_id>/retire/",
        settings_entry_retire,
        name="settings_entry_retire",
    ),
    path(
        "settings/<catalogue:catalogue>/<int:entry_id>/restore/",
        settings_entry_restore,
        name="settings_entry_restore",
    ),
]
