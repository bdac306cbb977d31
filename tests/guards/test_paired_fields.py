"""Of a `_at` and a `_by` neither stands without the other: the database says so."""

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import User

OURS = {"accounts", "pipeline", "metrics"}


def pairs(model: type[models.Model]) -> list[tuple[str, str]]:
    """(x_at, x_by) where both may be empty: then they must be empty together."""
    fields = {f.name: f for f in model._meta.local_fields}
    return [
        (name, by)
        for name, field in fields.items()
        if name.endswith("_at")
        and (by := f"{name.removesuffix('_at')}_by") in fields
        and field.null
        and fields[by].null
    ]


def unpaired(model: type[models.Model]) -> list[str]:
    checks = [
        str(c.condition) for c in model._meta.constraints if isinstance(c, models.CheckConstraint)
    ]
    return [
        f"{model._meta.label}: {at} and {by} have no constraint."
        for at, by in pairs(model)
        if not any(at in check and by in check for check in checks)
    ]


def test_pairs_have_a_constraint() -> None:
    ours = [m for m in apps.get_models() if m._meta.app_label in OURS]
    assert sum(len(pairs(m)) for m in ours) >= 1
    assert [said for m in ours for said in unpaired(m)] == []


@isolate_apps("pipeline")
def test_the_guard_sees_a_pair_without_one() -> None:
    class Signed(models.Model):
        signed_at = models.DateTimeField(null=True)
        signed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)

        class Meta:
            app_label = "pipeline"

    assert unpaired(Signed) == ["pipeline.Signed: signed_at and signed_by have no constraint."]
    with pytest.raises(AssertionError):
        assert unpaired(Signed) == []
