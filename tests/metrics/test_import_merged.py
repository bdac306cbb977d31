"""Importing names that were merged or retired since: the heir is meant, and it is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.actors import Actor
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import merge_entries, restore_entry, retire_entry
from tests.metrics.test_import_deals import (  # noqa: F401  fixtures
    Import,
    company,
    counts,
    deal,
    import_,
)

pytestmark = pytest.mark.django_db
OWNER = Actor.product("tests")
NAMED = "id,name,stage,created,close date,amount,rep,source,product,lost reason\n"
ONE = NAMED + "1,One,Won,2025-02-03,2025-03-03,100,Ann,Fair,Course,\n"


def entry(slug: str, name: str) -> Any:
    catalogue = CATALOGUES[slug]
    return catalogue.model.objects.get(**{catalogue.naming: name})


def merge(slug: str, left: str, into: str) -> None:
    merge_entries(
        by=OWNER, catalogue=CATALOGUES[slug], entry_id=entry(slug, left).pk,
        into_id=entry(slug, into).pk, now=datetime.now(UTC),
    )  # fmt: skip


def test_a_merged_name_means_its_heir(import_: Import) -> None:  # noqa: F811
    import_(ONE + "2,Two,Lost,2025-02-03,2025-03-03,100,Bob,Show,Coaching,\n")
    for slug, left, into in (
        ("sources", "Fair", "Show"), ("reps", "Ann", "Bob"), ("products", "Course", "Coaching"),
    ):  # fmt: skip
        merge(slug, left, into)
    before = counts()
    said = import_(ONE)
    assert "Fair was merged into Show: its deals stand there." in said
    assert "Ann was merged into Bob" in said
    again = deal("1")
    assert (again.source.name, again.rep.name, again.product.name) == ("Show", "Bob", "Coaching")
    assert counts() == before  # a second import of what is here changes nothing
    import_(ONE + "3,Three,Won,2025-02-03,2025-03-03,100,Ann,Fair,Course,\n")
    assert deal("3").rep.name == "Bob"
    assert entry("reps", "Ann").retired_at is not None


def test_a_chain_of_merges_is_followed_to_its_end(import_: Import) -> None:  # noqa: F811
    rows = "".join(f"{n},D{n},Won,2025-02-03,2025-03-03,1,Ann,S{n},Course,\n" for n in (1, 2, 3))
    import_(NAMED + rows)
    merge("sources", "S1", "S2")
    merge("sources", "S2", "S3")
    assert "S1 was merged into S3" in import_(NAMED + rows)
    assert deal("1").source.name == "S3"
    # Brought back, it stands for itself again.
    restore_entry(
        by=OWNER, catalogue=CATALOGUES["sources"], entry_id=entry("sources", "S1").pk,
        now=datetime.now(UTC),
    )  # fmt: skip
    assert "S1 was merged" not in import_(NAMED + rows)
    assert deal("1").source.name == "S1"


def test_a_retired_name_stays_retired_and_is_told(import_: Import) -> None:  # noqa: F811
    import_(ONE)
    retire_entry(
        by=OWNER, catalogue=CATALOGUES["reps"], entry_id=entry("reps", "Ann").pk,
        now=datetime.now(UTC),
    )  # fmt: skip
    said = import_(ONE + "3,Three,Won,2025-02-03,2025-03-03,100,Ann,Fair,Course,\n")
    assert "Ann is retired and stays so; its deals stand under it." in said
    assert deal("3").rep.name == "Ann"
    assert entry("reps", "Ann").retired_at is not None
