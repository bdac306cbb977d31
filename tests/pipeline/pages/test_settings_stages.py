"""The pages of pipelines and stages."""

from typing import Any

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, Pipeline, Stage
from pipeline.services import stages as stages_service
from pipeline.views import settings_stages
from tests.personas import World, client_of

HX = {"HX-Request": "true"}
BASE = "/w/alpha/settings"


@pytest.fixture
def owner(world: World) -> Client:
    return client_of(world.a.user(Role.OWNER))


def names(world: World) -> list[str]:
    with company_context(world.a.company.pk):
        rows = Stage.objects.filter(pipeline=world.a.pipeline, position__isnull=False)
        return list(rows.order_by("position").values_list("name", flat=True))


def test_the_pages_show_stages_with_their_words(owner: Client, world: World) -> None:
    assert "Booked › Held › Coach" in owner.get(f"{BASE}/pipelines/").content.decode()
    body = owner.get(f"{BASE}/pipelines/{world.a.pipeline.pk}/").content.decode()
    for word in (
        "Booked",
        "No exit criterion yet",
        "Usual days not known yet",
        "Deals that are won",
    ):
        assert word in body


def test_order_by_a_button_with_and_without_scripts(owner: Client, world: World) -> None:
    page = f"{BASE}/pipelines/{world.a.pipeline.pk}/"
    where = f"{BASE}/stages/{world.a.stages['Coach'].pk}/order/"
    plain = owner.post(where, {"direction": "up"})
    assert (plain.status_code, plain["Location"]) == (303, page)
    assert names(world) == ["Booked", "Coach", "Held"]
    headers = {**HX, "HX-Current-URL": f"http://testserver{page}"}
    scripted = owner.post(where, {"direction": "up"}, headers=headers)
    body = scripted.content.decode()
    assert scripted["HX-Retarget"] == "#stages"
    assert body.index("Coach") < body.index("Booked")
    assert "<html" not in body
    assert "Coach is stage 1 now" in scripted["HX-Trigger"]
    wrong = owner.post(where, {"direction": "sideways"}, headers=HX)
    assert wrong.status_code == 422


def test_a_stage_is_added_edited_and_a_stale_screen_told(owner: Client, world: World) -> None:
    pipeline = world.a.pipeline.pk
    added = owner.post(
        f"{BASE}/pipelines/{pipeline}/stages/add/",
        {"name": "Demo", "exit_criterion": "Shown", "before": world.a.stages["Held"].pk},
    )
    assert added.status_code == 303
    assert names(world) == ["Booked", "Demo", "Held", "Coach"]
    held = f"{BASE}/stages/{world.a.stages['Held'].pk}/"
    assert owner.post(held, {"name": "", "exit_criterion": ""}).status_code == 422
    assert owner.post(held, {"name": "Met", "exit_criterion": "Budget"}).status_code == 303
    stale = owner.post(
        held,
        {"name": "Seen", "exit_criterion": "", "seen": '{"name":"Held","exit_criterion":""}'},
    )
    assert stale.status_code == 409
    assert "it is Met" in stale.content.decode()
    won = owner.post(f"{BASE}/stages/{world.a.stages['Won'].pk}/", {"name": "Customer"})
    assert won.status_code == 303


def test_retiring_asks_for_a_place_and_moves_the_deals(owner: Client, world: World) -> None:
    held = world.a.stages["Held"]
    where = f"{BASE}/stages/{held.pk}/retire/"
    assert "1 open deal stands in Held" in owner.get(where).content.decode()
    assert owner.post(where).status_code == 422
    assert owner.post(where, {"into": world.b.stages["Coach"].pk}).status_code == 422
    assert owner.post(where, {"into": world.a.stages["Coach"].pk}).status_code == 303
    assert names(world) == ["Booked", "Coach"]
    with company_context(world.a.company.pk):
        assert Deal.objects.get(pk=world.a.deals["open"]).stage.name == "Coach"
    page = owner.get(f"{BASE}/pipelines/{world.a.pipeline.pk}/").content.decode()
    assert "Counts as Coach" in page
    assert owner.post(f"{BASE}/stages/{held.pk}/restore/").status_code == 303
    assert names(world) == ["Booked", "Coach", "Held"]


def test_many_deals_are_moved_pass_by_pass(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (stages_service, settings_stages):
        monkeypatch.setattr(module, "MOVED_AT_ONCE", 1)
    with company_context(world.a.company.pk):
        from tests.pipeline.doing import start

        start(world.a, stage="Held")
    where = f"{BASE}/stages/{world.a.stages['Held'].pk}/retire/"
    assert "They move 1 at a time" in owner.get(where).content.decode()
    first = owner.post(where, {"into": world.a.stages["Coach"].pk}, headers=HX)
    assert first.status_code == 200
    assert "Moved: 1. Still here: 1." in first.content.decode()
    assert "Go on" in first.content.decode()
    assert owner.post(where, {"into": world.a.stages["Coach"].pk}).status_code == 303
    assert names(world) == ["Booked", "Coach"]


def test_a_pipeline_is_added_renamed_ordered_and_retired(owner: Client, world: World) -> None:
    values = {"name": "Renewals", "stages": "Due\n\n Offered \n", "won": "Kept", "lost": "Left"}
    assert owner.post(f"{BASE}/pipelines/add/", {**values, "stages": " "}).status_code == 422
    assert owner.post(f"{BASE}/pipelines/add/", values).status_code == 303
    with company_context(world.a.company.pk):
        made = Pipeline.objects.get(name="Renewals").pk
    own = f"{BASE}/pipelines/{made}/"
    assert owner.post(f"{own}rename/", {"name": "Renewal"}).status_code == 303
    assert owner.post(f"{own}rename/", {"name": "Sales"}).status_code == 422
    assert owner.post(f"{own}order/", {"direction": "up"}).status_code == 303
    assert owner.post(f"{own}retire/").status_code == 303
    assert "Bring back" in owner.get(f"{BASE}/pipelines/").content.decode()
    assert owner.post(f"{own}restore/").status_code == 303
    refused = owner.post(f"{BASE}/pipelines/{world.a.pipeline.pk}/retire/", headers=HX)
    assert refused.status_code == 422
    assert "open deals are in this pipeline" in refused.content.decode()


def test_rows_of_the_neighbour_are_as_missing(owner: Client, world: World) -> None:
    for pipeline in (world.b.pipeline.pk, 999_999_999):
        for path in ("", "rename/", "stages/add/"):
            assert owner.get(f"{BASE}/pipelines/{pipeline}/{path}").status_code == 404
        for path in ("order/", "retire/", "restore/"):
            assert owner.post(f"{BASE}/pipelines/{pipeline}/{path}").status_code == 404
    for stage in (world.b.stages["Held"].pk, 999_999_999):
        for path in ("", "order/", "retire/", "restore/"):
            assert owner.post(f"{BASE}/stages/{stage}/{path}", {"name": "X"}).status_code == 404


def test_the_page_asks_as_much_for_many_deals(
    owner: Client, world: World, django_assert_max_num_queries: Any
) -> None:
    from tests.pipeline.doing import start

    url = f"{BASE}/pipelines/{world.a.pipeline.pk}/"
    owner.get(url)
    with django_assert_max_num_queries(40) as few:
        owner.get(url)
    with company_context(world.a.company.pk):
        for _n in range(10):
            start(world.a)
    with django_assert_max_num_queries(40) as many:
        owner.get(url)
    assert len(many.captured_queries) == len(few.captured_queries)
