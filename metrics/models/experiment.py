"""Experiments: one lever, one measure, a rule that was fixed before anybody looked."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.constraints import tenant_constraints
from accounts.tenancy.models import APPEND_ONLY, RowSecurity, TenantForeignKey, TenantModel


class Measure(models.TextChoices):
    """What is measured: docs/metrics.md, "Experiments", one row of its table each."""

    NUMBER = "number", _("Number of deals")
    WIN_RATE = "win_rate", _("Win rate")
    CONVERSION = "conversion", _("A stage's conversion")
    CYCLE = "cycle", _("Cycle")
    DEAL_SIZE = "deal_size", _("Deal size")


class Experiment(TenantModel):
    """If ... then ... because ...: one lever, one segment, one primary measure, a direction.

    After the start only amendments change it, each with a reason, kept and shown. What was
    decided stands in `decided_figures`, frozen with the data version that it was computed from.
    """

    class Design(models.TextChoices):
        BEFORE_AFTER = "before_after", _("Before and after")
        ARMS_BY_REP = "arms_by_rep", _("Two arms, by rep")
        ARMS_BY_DEAL = "arms_by_deal", _("Two arms, by deal")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")
        DECIDED = "decided", _("Decided")

    class Decision(models.TextChoices):
        ADOPT = "adopt", _("Adopted")
        EXTEND = "extend", _("Extended")
        STOP = "stop", _("Dropped")

    title = models.CharField(max_length=120)
    if_we = models.CharField(max_length=300, blank=True)
    then = models.CharField(max_length=300, blank=True)
    because = models.CharField(max_length=300, blank=True)
    pipeline = TenantForeignKey("pipeline.Pipeline", related_name="experiments")
    segment = models.CharField(max_length=450, default="all")
    measure = models.CharField(max_length=10, choices=Measure)
    # Of a stage's conversion: which one. Kept when the stage is retired.
    stage = TenantForeignKey("pipeline.Stage", null=True, blank=True, related_name="+")
    # Is more better? Of a cycle, less is.
    rising = models.BooleanField(default=True)
    # In the measure's own unit: points as a fraction (0.05), days, or a ratio less 1 (0.10).
    smallest_effect = models.FloatField(null=True, blank=True)
    design = models.CharField(max_length=12, choices=Design, default=Design.BEFORE_AFTER)
    baseline_start = models.DateField(null=True, blank=True)
    baseline_end = models.DateField(null=True, blank=True)  # the first day after it
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)  # the first day after the planned end
    # D of equal follow-up; empty: the 90th percentile of cycle_days in the baseline, at the start.
    follow_up_days = models.PositiveIntegerField(null=True, blank=True)
    decision_rule = models.CharField(max_length=500, blank=True)
    # Up to three: [{"measure": ..., "stage": id or null}]
    guardrails = models.JSONField(default=list, blank=True)
    seed = models.PositiveIntegerField(null=True, blank=True)  # of the random assignment, shown
    state = models.CharField(max_length=7, choices=State, default=State.DRAFT)
    owner = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    decision = models.CharField(max_length=6, choices=Decision, blank=True)
    decision_reason = models.CharField(max_length=1000, blank=True)
    decided_figures = models.JSONField(null=True, blank=True)
    # When the question "did it last?" falls due, and whether it was answered.
    follow_up_on = models.DateField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)  # a draft thrown away
    version = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints("metrics_experiment", "pipeline", "stage"),
            models.UniqueConstraint(
                fields=["company", "idempotency_key"],
                name="metrics_experiment_key",
                condition=models.Q(idempotency_key__isnull=False),
            ),
            models.CheckConstraint(
                name="metrics_experiment_decided_pair",
                condition=models.Q(decided_at__isnull=True, decided_by__isnull=True)
                | models.Q(decided_at__isnull=False, decided_by__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["company", "state"], name="experiment_by_state")]

    def __str__(self) -> str:
        return self.title


class ExperimentReason(TenantModel):
    """A finding or a danger point that led to an experiment."""

    experiment = TenantForeignKey(Experiment, models.CASCADE, related_name="reasons")
    finding = TenantForeignKey("metrics.Finding", null=True, blank=True, related_name="tested_by")
    danger_point = TenantForeignKey(
        "metrics.DangerPoint", null=True, blank=True, related_name="tested_by"
    )

    class Meta:
        constraints = [
            *tenant_constraints(
                "metrics_experimentreason", "experiment", "finding", "danger_point"
            ),
            models.UniqueConstraint(
                fields=["company", "experiment", "finding", "danger_point"],
                name="metrics_experimentreason_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["company", "finding"], name="experiment_by_finding")]

    def __str__(self) -> str:
        return f"why experiment {self.experiment_id}"


class ExperimentEntry(TenantModel):
    """The log: what happened to an experiment, who said what, which amendment and why."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    class Kind(models.TextChoices):
        NOTE = "note", _("Note")
        CHECK_IN = "check_in", _("Check-in")
        AMENDMENT = "amendment", _("Amendment")
        STATE = "state", _("State")
        AUTOMATIC = "automatic", _("By itself")

    experiment = TenantForeignKey(Experiment, related_name="entries")
    kind = models.CharField(max_length=9, choices=Kind)
    text = models.CharField(max_length=2000, blank=True)  # a note, or the reason
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Of what is written by itself: once each.
    once = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            *tenant_constraints("metrics_experimententry", "experiment"),
            models.UniqueConstraint(
                fields=["company", "experiment", "once"],
                name="metrics_experimententry_once",
                condition=models.Q(once__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["company", "experiment"], name="experiment_entry_by")]

    def __str__(self) -> str:
        return f"{self.kind} of experiment {self.experiment_id}"


class Assignment(TenantModel):
    """Which arm a rep or a deal is in, said before the outcome is known. Never changed."""

    row_security: ClassVar[RowSecurity] = APPEND_ONLY

    class Arm(models.TextChoices):
        TEST = "test", _("Test")
        CONTROL = "control", _("Control")

    experiment = TenantForeignKey(Experiment, related_name="assignments")
    rep = TenantForeignKey("pipeline.Rep", null=True, blank=True, related_name="+")
    deal = TenantForeignKey("pipeline.Deal", null=True, blank=True, related_name="assignments")
    arm = models.CharField(max_length=7, choices=Arm)
    stratum = models.CharField(max_length=20, blank=True)  # the channel
    number = models.PositiveIntegerField()  # in its stratum, from 1: the place in its block
    assigned_at = models.DateTimeField()

    class Meta:
        constraints = [
            *tenant_constraints("metrics_assignment", "experiment", "rep", "deal"),
            models.UniqueConstraint(
                fields=["company", "experiment", "deal"],
                name="metrics_assignment_deal",
                condition=models.Q(deal__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["company", "experiment", "rep"],
                name="metrics_assignment_rep",
                condition=models.Q(rep__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "deal"],
                name="assignment_by_deal",
                condition=models.Q(deal__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"experiment {self.experiment_id}: {self.arm}"


class ExperimentResult(TenantModel):
    """What an experiment looked like on a day, by a version of the method.

    Today's is replaced while the day lasts; an earlier day's is not touched again.
    """

    class Kind(models.TextChoices):
        RUNNING = "running", _("While it ran")
        FOLLOW_UP = "follow_up", _("Did it last?")

    experiment = TenantForeignKey(Experiment, related_name="results")
    kind = models.CharField(max_length=9, choices=Kind, default=Kind.RUNNING)
    day = models.DateField()
    method = models.PositiveSmallIntegerField()  # the version of the method
    as_of = models.DateTimeField()
    computed_at = models.DateTimeField()
    figures = models.JSONField()
    digest = models.CharField(max_length=32)  # of the observations that it was computed from

    class Meta:
        constraints = [
            *tenant_constraints("metrics_experimentresult", "experiment"),
            models.UniqueConstraint(
                fields=["company", "experiment", "kind", "day"],
                name="metrics_experimentresult_day",
            ),
        ]

    def __str__(self) -> str:
        return f"experiment {self.experiment_id} on {self.day}"
