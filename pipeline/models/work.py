"""What is left to do: the queue of truth lives in the database, messages only wake a worker."""

from django.db import models


class DirtyQuarter(models.Model):
    """A quarter whose figures may be behind its facts.

    `gen` is raised in the transaction of every change that could matter; `done_gen` is the one
    that the figures were computed from. `due_at` is when the calendar alone makes them stale:
    the next local midnight of a running or settling quarter. No customer's data stands here,
    so that one sweep can read the rows of all companies.
    """

    outside_row_security = "no customer data; one sweep reads the rows of all companies"

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    quarter_start = models.DateField()
    gen = models.PositiveBigIntegerField(default=1)
    done_gen = models.PositiveBigIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "quarter_start"], name="pipeline_dirtyquarter_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "quarter_start"],
                name="dirtyquarter_behind",
                condition=models.Q(gen__gt=models.F("done_gen")),
            ),
            models.Index(fields=["due_at"], name="dirtyquarter_due"),
        ]

    def __str__(self) -> str:
        return f"{self.company_id} {self.quarter_start}"
