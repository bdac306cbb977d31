from django.urls import path, re_path

from metrics.views.danger_point import (
    danger_due,
    danger_owner,
    danger_point,
    danger_remark,
    danger_state,
    danger_undo,
)
from metrics.views.danger_points import danger_export, danger_list, danger_open
from metrics.views.definitions import definitions
from metrics.views.expected import expected
from metrics.views.experiment import (
    deal_experiments,
    experiment,
    experiment_chart,
    experiment_plan,
)
from metrics.views.experiment_acts import (
    experiment_check_in,
    experiment_decide,
    experiment_note,
    experiment_put_back,
    experiment_resume,
    experiment_start,
    experiment_stop,
    experiment_withdraw,
)
from metrics.views.experiment_form import experiment_amend, experiment_edit, experiment_new
from metrics.views.experiments import experiment_compare, experiment_export, experiment_list
from metrics.views.finding_form import finding_add, finding_deals, finding_edit
from metrics.views.findings import (
    deal_findings,
    finding,
    finding_export,
    finding_list_page,
    finding_put_back,
    finding_withdraw,
)
from metrics.views.funnel import funnel, funnel_chart
from metrics.views.funnel_deals import funnel_deals, funnel_deals_file
from metrics.views.funnel_reasons import funnel_reasons
from metrics.views.guides import guide, guide_blank, guide_edit
from metrics.views.material import material_effect_page, material_gaps_page
from metrics.views.operations import operations
from metrics.views.quarter import quarter, quarter_restatements
from metrics.views.quarter_review import (
    quarter_review,
    quarter_review_edit,
    quarter_review_file,
)
from metrics.views.quarters import quarter_export, quarter_list
from metrics.views.quarters_compare import quarter_compare
from metrics.views.recorded_changes import (
    change_add,
    change_edit,
    change_list,
    change_put_back,
    change_withdraw,
)
from metrics.views.review_sheet import (
    review,
    review_reopen,
    review_restore,
    review_save,
    review_withdraw,
)
from metrics.views.review_start import review_start
from metrics.views.reviews import review_export, review_list_page
from metrics.views.scenarios import (
    scenario,
    scenario_add,
    scenario_overwrite,
    scenario_restore,
    scenario_withdraw,
)
from metrics.views.sign_off import quarter_countersign, quarter_sign, quarter_sign_off
from metrics.views.themes import (
    theme_add,
    theme_list_page,
    theme_merge,
    theme_rename,
    theme_restore,
    theme_retire,
)
from metrics.views.velocity import velocity, velocity_chart
from metrics.views.voices import voices_coverage, voices_export, voices_page
from metrics.views.what_if import what_if, what_if_chart

_CHART = r"chart/(?P<name>[a-z]+)\.(?P<kind>csv|svg)$"

_POINT = "danger-points/<int:danger_point_id>/"

_REVIEW = "reviews/<int:review_id>/"
_GUIDE = "reviews/guides/<slug:kind>/"

_SCENARIO = "simulator/scenarios/<int:scenario_id>/"

_FINDING = "findings/<int:finding_id>/"

_THEME = "settings/themes/<int:theme_id>/"

_CHANGE = "changes/<int:change_id>/"

_EXPERIMENT = "experiments/<int:experiment_id>/"

app_name = "metrics"
urlpatterns = [
    path("velocity/", velocity, name="velocity"),
    re_path(rf"^velocity/{_CHART}", velocity_chart, name="velocity_chart"),
    path("funnel/", funnel, name="funnel"),
    re_path(rf"^funnel/{_CHART}", funnel_chart, name="funnel_chart"),
    path("funnel/deals/", funnel_deals, name="funnel_deals"),
    path("funnel/deals/deals.csv", funnel_deals_file, name="funnel_deals_file"),
    path("funnel/reasons/", funnel_reasons, name="funnel_reasons"),
    path("changes/", change_list, name="change_list"),
    path("changes/add/", change_add, name="change_add"),
    path(f"{_CHANGE}edit/", change_edit, name="change_edit"),
    path(f"{_CHANGE}withdraw/", change_withdraw, name="change_withdraw"),
    path(f"{_CHANGE}put-back/", change_put_back, name="change_put_back"),
    path("danger-points/", danger_list, name="danger_list"),
    path("danger-points/agenda.csv", danger_export, name="danger_export"),
    path("danger-points/open/", danger_open, name="danger_open"),
    path(_POINT, danger_point, name="danger_point"),
    path(f"{_POINT}state/", danger_state, name="danger_state"),
    path(f"{_POINT}undo/", danger_undo, name="danger_undo"),
    path(f"{_POINT}owner/", danger_owner, name="danger_owner"),
    path(f"{_POINT}due/", danger_due, name="danger_due"),
    path(f"{_POINT}remark/", danger_remark, name="danger_remark"),
    path("findings/", finding_list_page, name="finding_list"),
    path("findings/findings.csv", finding_export, name="finding_export"),
    path("findings/add/", finding_add, name="finding_add"),
    path("findings/deals/", finding_deals, name="finding_deals"),
    path(_FINDING, finding, name="finding"),
    path(f"{_FINDING}edit/", finding_edit, name="finding_edit"),
    path(f"{_FINDING}withdraw/", finding_withdraw, name="finding_withdraw"),
    path(f"{_FINDING}put-back/", finding_put_back, name="finding_put_back"),
    path("deals/<int:deal_id>/findings/", deal_findings, name="deal_findings"),
    path("reviews/", review_list_page, name="review_list"),
    path("reviews/answers.csv", review_export, name="review_export"),
    path("reviews/start/", review_start, name="review_start"),
    path(_REVIEW, review, name="review"),
    path(f"{_REVIEW}save/", review_save, name="review_save"),
    path(f"{_REVIEW}reopen/", review_reopen, name="review_reopen"),
    path(f"{_REVIEW}withdraw/", review_withdraw, name="review_withdraw"),
    path(f"{_REVIEW}put-back/", review_restore, name="review_restore"),
    path(_GUIDE, guide, name="guide"),
    path(f"{_GUIDE}blank/", guide_blank, name="guide_blank"),
    path(f"{_GUIDE}edit/", guide_edit, name="guide_edit"),
    path("voices/", voices_page, name="voices"),
    path("voices/deals.csv", voices_export, name="voices_export"),
    path("voices/coverage.csv", voices_coverage, name="voices_coverage"),
    path("material/gaps/", material_gaps_page, name="material_gaps"),
    path("material/<int:material_id>/effect/", material_effect_page, name="material_effect"),
    path("settings/themes/", theme_list_page, name="theme_list"),
    path("settings/themes/add/", theme_add, name="theme_add"),
    path(f"{_THEME}rename/", theme_rename, name="theme_rename"),
    path(f"{_THEME}merge/", theme_merge, name="theme_merge"),
    path(f"{_THEME}retire/", theme_retire, name="theme_retire"),
    path(f"{_THEME}restore/", theme_restore, name="theme_restore"),
    path("settings/operations/", operations, name="operations"),
    path("quarters/", quarter_list, name="quarter_list"),
    path("quarters/quarters.csv", quarter_export, name="quarter_export"),
    path("quarters/compare/", quarter_compare, name="quarter_compare"),
    path("quarters/<slug:label>/", quarter, name="quarter"),
    path("quarters/<slug:label>/review/", quarter_review, name="quarter_review"),
    path("quarters/<slug:label>/review/edit/", quarter_review_edit, name="quarter_review_edit"),
    path(
        "quarters/<slug:label>/review/<slug:kind>/", quarter_review_file, name="quarter_review_file"
    ),
    path("quarters/<slug:label>/sign-off/", quarter_sign_off, name="quarter_sign_off"),
    path("quarters/<slug:label>/sign/", quarter_sign, name="quarter_sign"),
    path("quarters/<slug:label>/countersign/", quarter_countersign, name="quarter_countersign"),
    path("quarters/<slug:label>/restatements/", quarter_restatements, name="quarter_restatements"),
    path("simulator/", what_if, name="what_if"),
    re_path(rf"^simulator/{_CHART}", what_if_chart, name="what_if_chart"),
    path("simulator/scenarios/add/", scenario_add, name="scenario_add"),
    path(_SCENARIO, scenario, name="scenario"),
    path(f"{_SCENARIO}overwrite/", scenario_overwrite, name="scenario_overwrite"),
    path(f"{_SCENARIO}withdraw/", scenario_withdraw, name="scenario_withdraw"),
    path(f"{_SCENARIO}restore/", scenario_restore, name="scenario_restore"),
    path("experiments/", experiment_list, name="experiment_list"),
    path("experiments/experiments.csv", experiment_export, name="experiment_export"),
    path("experiments/new/", experiment_new, name="experiment_new"),
    path("experiments/compare/", experiment_compare, name="experiment_compare"),
    path(f"{_EXPERIMENT}edit/", experiment_edit, name="experiment_edit"),
    path(f"{_EXPERIMENT}amend/", experiment_amend, name="experiment_amend"),
    path(f"{_EXPERIMENT}start/", experiment_start, name="experiment_start"),
    path(f"{_EXPERIMENT}stop/", experiment_stop, name="experiment_stop"),
    path(f"{_EXPERIMENT}resume/", experiment_resume, name="experiment_resume"),
    path(f"{_EXPERIMENT}decide/", experiment_decide, name="experiment_decide"),
    path(f"{_EXPERIMENT}note/", experiment_note, name="experiment_note"),
    path(f"{_EXPERIMENT}check-in/", experiment_check_in, name="experiment_check_in"),
    path(f"{_EXPERIMENT}withdraw/", experiment_withdraw, name="experiment_withdraw"),
    path(f"{_EXPERIMENT}put-back/", experiment_put_back, name="experiment_put_back"),
    path(_EXPERIMENT, experiment, name="experiment"),
    re_path(
        rf"^experiments/(?P<experiment_id>[0-9]{{1,18}})/{_CHART}",
        experiment_chart,
        name="experiment_chart",
    ),
    path(f"{_EXPERIMENT}plan/", experiment_plan, name="experiment_plan"),
    path("deals/expected/", expected, name="expected"),
    path("deals/<int:deal_id>/experiments/", deal_experiments, name="deal_experiments"),
    path("definitions/", definitions, name="definitions"),
]
