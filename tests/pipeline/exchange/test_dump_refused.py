"""Folders of a dump that somebody or something changed: refused, with the place."""

import json
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Company
from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all
from pipeline.importers.exchange import ExchangeRefused
from pipeline.models import Pipeline
from pipeline.selectors.dump_company import dump_company
from pipeline.services.load_company import load_company
from tests.personas import NOW

pytestmark = pytest.mark.django_db(transaction=True)
BY = Actor.product("tests")
LATER = NOW + timedelta(days=1)


def load(folder, slug):
    with transaction.atomic():
        loaded = load_company(folder=folder, slug=slug, by=BY, now=LATER)
        recompute_all(company_id=loaded.company_id, now=LATER)
    return loaded.company_id


# What is in it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("deals.csv", "changed after the dump"),
        ("more/pipeline.deal.jsonl", "changed after the dump"),
        ("more/users.jsonl", "changed after the dump"),
    ],
)
def test_a_changed_file_is_refused(committed_world, tmp_path, name, reason):
    dump_company(company_id=committed_world.a.company.pk, target=tmp_path / "out")
    path = tmp_path / "out" / name
    path.write_text(path.read_text().replace("example", "exemple").replace("late", "Late"))
    with pytest.raises(ExchangeRefused) as refused:
        load(tmp_path / "out", "again")
    assert refused.value.faults[0].file == name
    assert reason in refused.value.faults[0].reason


def test_a_missing_file_and_a_missing_manifest_are_refused(committed_alpha, tmp_path):
    dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "out")
    (tmp_path / "out/more/pipeline.rep.jsonl").unlink()
    with pytest.raises(ExchangeRefused, match="missing"):
        load(tmp_path / "out", "again")
    (tmp_path / "out/more/manifest.json").unlink()
    with pytest.raises(ExchangeRefused, match="manifest"):
        load(tmp_path / "out", "again")


def refit(folder, name, change):
    """Change a file of a dump and its fingerprint, as another version might have written it."""
    from pipeline.selectors.dump_company import sha256_of

    path = folder / name
    path.write_text(change(path.read_text()))
    manifest = json.loads((folder / "more/manifest.json").read_text())
    manifest["files"][name]["sha256"] = sha256_of(path)
    (folder / "more/manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace('"team_id": ', '"team_id": 99'), "there is no row 99"),
        (lambda text: text.replace('"email"', '"nickname"'), "no such column"),
        (lambda text: text.replace('"id": ', '"id": -', 2), "do not rise"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_their_place(
    committed_alpha, tmp_path, change, reason
):
    dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "out")
    refit(tmp_path / "out", "more/pipeline.rep.jsonl", change)
    with pytest.raises(ExchangeRefused) as refused:
        load(tmp_path / "out", "again")
    assert refused.value.faults[0].file == "more/pipeline.rep.jsonl"
    assert refused.value.faults[0].line in (1, 2)
    assert reason in refused.value.faults[0].reason
    with transaction.atomic():
        assert not Company._base_manager.filter(slug="again").exists()


def test_a_column_younger_than_the_dump_gets_its_default(committed_alpha, tmp_path):
    dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "out")

    def without_position(text):
        found = [json.loads(line) for line in text.splitlines()]
        for row in found:
            del row["position"]
        return "".join(json.dumps(row) + "\n" for row in found)

    refit(tmp_path / "out", "more/pipeline.pipeline.jsonl", without_position)
    again = load(tmp_path / "out", "again")
    with company_context(again), transaction.atomic():
        assert Pipeline.objects.get().position == 1


def test_another_format_is_refused(committed_alpha, tmp_path):
    dump_company(company_id=committed_alpha.company.pk, target=tmp_path / "out")
    path = tmp_path / "out/more/manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ExchangeRefused, match="format 2"):
        load(tmp_path / "out", "again")
