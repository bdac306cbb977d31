"""Settings changed by many at once: one merge, whole positions, no deal lost in a retired stage."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, DealChange, ExchangeRate, Product, Stage
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import add_entry, merge_entries
from pipeline.services.facts import check_facts
from pipeline.services.rates import RateChange, set_rates
from pipeline.services.stages import order_stage, retire_stage
from tests.personas import NOW, Workspace
from tests.pipeline.doing import Q1, move, start
from tests.pipeline.test_at_the_same_time import THREADS, kinds, together

PRODUCTS = CATALOGUES["products"]


@pytest.fixture
def company(committed_alpha: Workspace) -> Iterator[Workspace]:
    with company_context(committed_alpha.company.pk):
        yield committed_alpha


def test_a_merge_sent_many_times_moves_each_deal_once(company: Workspace) -> None:
    by = company.actor(Role.MANAGER)
    one, two = (
        add_entry(by=by, catalogue=PRODUCTS, values={"name": name}, now=NOW)
        for name in ("One", "Two")
    )
    deals = [start(company, product_id=one.pk).deal_id for _n in range(5)]
    results = together(
        company,
        [lambda: merge_entries(by=by, catalogue=PRODUCTS, entry_id=one.pk, into_id=two.pk, now=NOW)]
        * THREADS,
    )
    assert sorted(r.deals for r in results) == [0] * (THREADS - 1) + [5]
    with transaction.atomic():
        assert DealChange.objects.filter(origin="merge").count() == 5
        assert AuditEntry.objects.filter(action="product.merged").count() == 1
        assert set(Deal.objects.filter(pk__in=deals).values_list("version", flat=True)) == {2}


def test_one_name_is_added_once(company: Workspace) -> None:
    by = company.actor(Role.MANAGER)
    results = together(
        company,
        [lambda: add_entry(by=by, catalogue=PRODUCTS, values={"name": "Same"}, now=NOW)] * THREADS,
    )
    assert kinds(results) == {"Product": 1, "DomainError": THREADS - 1}
    with transaction.atomic():
        assert Product.objects.filter(name="Same").count() == 1


def test_stages_ordered_by_many_keep_whole_positions(company: Workspace) -> None:
    by = company.actor(Role.MANAGER)
    names = ["Booked", "Held", "Coach"]
    jobs = [
        lambda name=name, way=way: order_stage(
            by=by, stage_id=company.stages[name].pk, direction=way, now=NOW
        )
        for name in names
        for way in ("up", "down")
    ]
    assert kinds(together(company, jobs)) == {"Stage": len(jobs)}
    with transaction.atomic():
        rows = Stage.objects.filter(position__isnull=False).order_by("position")
        assert [s.position for s in rows] == [1, 2, 3]
        assert sorted(s.name for s in rows) == sorted(names)


def test_a_stage_is_retired_once_while_its_deals_move(company: Workspace) -> None:
    by = company.actor(Role.MANAGER)
    deals = [start(company).deal_id for _n in range(4)]
    jobs = [
        lambda: retire_stage(
            by=by,
            stage_id=company.stages["Booked"].pk,
            to_stage_id=company.stages["Held"].pk,
            now=NOW,
        )
    ] * 4 + [lambda deal=deal: move(company, deal, "Coach") for deal in deals]
    results = together(company, jobs)
    found = kinds(results)
    assert found["StageRetired"] == 1, results
    assert found["DomainError"] == 3, results
    assert found["Recorded"] == 4
    with transaction.atomic():
        assert not Deal.objects.filter(stage=company.stages["Booked"]).exists()
        assert check_facts() == []


def test_of_many_editors_of_one_rate_one_is_accepted(company: Workspace) -> None:
    by = company.actor(Role.MANAGER)
    jobs = [
        lambda n=n: set_rates(
            by=by, changes=[RateChange("USD", Q1, Decimal(n), seen=None)], now=NOW
        )
        for n in range(1, THREADS + 1)
    ]
    assert kinds(together(company, jobs)) == {"int": 1, "StaleVersion": THREADS - 1}
    with transaction.atomic():
        assert ExchangeRate.objects.count() == 1
