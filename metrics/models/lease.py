"""Who may do a periodic thing now: two beats happen, two sweeps must not."""

from django.db import models


class Lease(models.Model):
    """A name that one holder has until it expires; also the sign of life of the sweep."""

    outside_row_security = "no customer data; periodic work of the whole installation"

    name = models.CharField(max_length=60, primary_key=True)
    holder = models.CharField(max_length=120, blank=True)
    expires_at = models.DateTimeField()
    last_run_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
