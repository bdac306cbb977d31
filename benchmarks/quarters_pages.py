"""Part of benchmarks.quarters: every page and file about quarters, one JSON line each.

python -m benchmarks.quarters_pages COMPANY_ID ROUNDS
"""

import statistics
import sys
from datetime import UTC, datetime

from benchmarks.visiting import company_of, manager_of, reader  # first: it sets Django up

# isort: split
from django.db import transaction

from accounts.models import Company
from accounts.tenancy.context import company_context
from benchmarks.measuring import say
from metrics.models import Snapshot
from metrics.selectors.figures import quarters_of
from pipeline.models import Deal, Rep


def main(company_id: int, rounds: int) -> None:
    company = company_of(company_id)
    user = manager_of(company, datetime.now(UTC)).user
    with company_context(company_id), transaction.atomic():
        quarters = quarters_of(company=company)
        count(company, len(quarters))
    first, last = quarters[0].label, quarters[-2].label  # the newest is not yet final
    here = f"/w/{company.slug}/quarters/"
    pages = {
        "list": here,
        "side by side": f"{here}?seg=channel%3Dinbound&vs=channel%3Doutbound",
        "list of a rep": f"{here}?seg=rep%3DRep+1",
        "list, CSV": f"{here}quarters.csv",
        "compare": f"{here}compare/?a={first}&b={last}",
        "quarter": f"{here}{last}/",
        "restatements": f"{here}{last}/restatements/",
        "review": f"{here}{last}/review/",
        "review, PDF": f"{here}{last}/review/pdf/",
        "review, XLSX": f"{here}{last}/review/xlsx/",
    }
    visitor = reader(user)
    started = visitor.visit(f"/w/{company.slug}/definitions/")  # a process loads its code with it
    say("start", wall=started.wall, cpu=started.cpu)
    for name, url in pages.items():
        earliest = visitor.visit(url)  # nothing of it is remembered
        later = [visitor.visit(url) for _round in range(rounds)]
        queries, size = visitor.seen(url)
        say(
            name,
            queries=queries,
            bytes=size,
            first_wall=earliest.wall,
            first_cpu=earliest.cpu,
            wall=statistics.median(spent.wall for spent in later),
            cpu=statistics.median(spent.cpu for spent in later),
        )


def count(company: Company, quarters: int) -> None:
    newest = Snapshot.objects.order_by("-quarter_start").values_list("quarter_start", flat=True)[0]
    say(
        "company",
        deals=Deal.objects.count(),
        quarters=quarters,
        reps=Rep.objects.count(),
        segments=Snapshot.objects.filter(quarter_start=newest, version=0).count(),
        snapshots=Snapshot.objects.count(),
        restated=Snapshot.objects.filter(segment="all", version__gte=2)
        .values("quarter_start")
        .distinct()
        .count(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
