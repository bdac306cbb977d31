"""Parts of benchmarks.funnel: the funnel page beside an empty signed-in page. JSON lines.

python -m benchmarks.funnel_page learn COMPANY_ID      make the empty company, and findings
python -m benchmarks.funnel_page warm COMPANY_ID N     every page N times, in one process
python -m benchmarks.funnel_page cold COMPANY_ID PAGE  one page, the first of a new process
"""

import statistics
import sys
from datetime import UTC, datetime

from benchmarks.visiting import BY, Reader, company_of, manager_of, reader  # sets Django up

# isort: split
from django.core.cache import cache
from django.db import transaction

from accounts.models import Company
from accounts.services.companies import create_company
from accounts.services.looked_at import ask_ahead
from accounts.tenancy.context import company_context
from benchmarks.measuring import Spent, say
from metrics.models import DangerPoint, Finding, FindingDeal, RecordedChange
from metrics.selectors import figures
from pipeline.models import Deal, Stage

FINDINGS = 60
QUERIES = {
    "all deals": "",
    "a segment": "?seg=channel%3Dinbound",
    "two segments": "?seg=channel%3Dinbound&vs=channel%3Doutbound",
}


def learn(company: Company, now: datetime) -> None:
    """Findings at every stage, danger points and a change: what the page asks for besides."""
    user = manager_of(company, now).user
    with company_context(company.pk), transaction.atomic():
        stages = list(Stage.objects.filter(kind="open").order_by("position"))
        kinds = ("call_review", "customer_interview", "lost_interview", "material_review")
        lost = list(Deal.objects.filter(outcome="lost").order_by("id")[:FINDINGS])
        for n in range(FINDINGS):
            finding = Finding.objects.create(
                source=kinds[n % len(kinds)],
                pipeline_id=stages[0].pipeline_id,
                stage=stages[n % len(stages)],
                statement=f"What was learned, number {n}",
                quote="The number was fine. I could not explain why now." if n % 2 else "",
                severity=("high", "medium", "low")[n % 3],
                learned_on=now.date(),
                recorded_at=now,
                author=user,
            )
            FindingDeal.objects.create(finding=finding, deal=lost[n])
        for stage in stages:
            DangerPoint.objects.create(
                pipeline_id=stage.pipeline_id, stage=stage, opened_quarter="", opened_at=now,
                opened_by=user, owner=user,
            )  # fmt: skip
        RecordedChange.objects.create(
            happened_on=datetime(2025, 9, 1, tzinfo=UTC).date(), text="New price list",
            recorded_at=now, recorded_by=user,
        )  # fmt: skip


def forget() -> None:
    """As in a process that never answered for this company, but that has run before."""
    figures._remembered.clear()


Pages = dict[str, tuple[Reader, str]]


def pages_of(company: Company, empty: Company, now: datetime) -> Pages:
    """The pages by what they show, with who asks: a manager of the company, or of the empty one."""
    here = f"/w/{company.slug}/funnel/"
    visitor = reader(manager_of(company, now).user)
    pages = {"empty": (reader(manager_of(empty, now).user), f"/w/{empty.slug}/funnel/")}
    return pages | {name: (visitor, here + query) for name, query in QUERIES.items()}


def change(company: Company, turn: int) -> None:
    """Something that the page says is another one now; the worker does what it does then."""
    with company_context(company.pk), transaction.atomic():
        changed = RecordedChange.objects.update(text=f"New price list {turn}")
    asked = ask_ahead(company_id=company.pk, seconds=60)
    assert (changed, asked) == (1, 1), (changed, asked)


def warm(pages: Pages, rounds: int, company: Company) -> None:
    """Each page as nobody has asked for it, again, as another process answers then, and after a
    change that the worker has prepared it for."""
    moments = ("first", "again", "elsewhere", "changed")
    times: dict[str, dict[str, list[Spent]]] = {
        when: {name: [] for name in pages} for when in moments
    }
    for turn in range(rounds + 2):  # in turns, so that a slow moment of the machine meets all
        for name, (visitor, url) in pages.items():
            cache.clear()
            forget()
            spent = {"first": visitor.visit(url), "again": visitor.visit(url)}
            forget()
            spent["elsewhere"] = visitor.visit(url)
            if name in QUERIES:
                change(company, turn)
            forget()
            spent["changed"] = visitor.visit(url)
            if turn > 1:  # the first two warm the process up
                for when, one in spent.items():
                    times[when][name].append(one)
    for name, (visitor, url) in pages.items():
        cache.clear()
        forget()
        queries, _size = visitor.seen(url)
        later, size = visitor.seen(url)
        for when, some in times.items():
            asked = queries if when == "first" else later
            _say(name, when, some[name], queries=asked, bytes=size)
    for visitor, url in pages.values():  # kept for the new processes that come next
        visitor.visit(url)


def _say(page: str, when: str, spent: list[Spent], **more: int) -> None:
    say(
        page,
        when=when,
        cpu=statistics.median(s.cpu for s in spent),
        wall=statistics.median(s.wall for s in spent),
        **more,
    )


def main(part: str, company_id: int, *given: str) -> None:
    now = datetime.now(UTC)
    company = company_of(company_id)
    if part == "learn":
        slug = f"empty-{now:%Y%m%d%H%M%S}"
        empty = create_company(slug=slug, name="Empty", by=BY, now=now, currency="EUR")
        learn(company, now)
        say("learned", empty_id=empty.pk)
        return
    pages = pages_of(company, company_of(int(given[0])), now)
    if part == "warm":
        warm(pages, int(given[1]), company)
    else:
        visitor, url = pages[given[1]]
        _say(given[1], "cold", [visitor.visit(url)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
