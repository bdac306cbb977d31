"""The list of deals: the table behind the board, and the same rows as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from accounts.access import company_view
from pipeline.exports import write_csv, write_xlsx
from pipeline.forms.fields import new_key
from pipeline.selectors.deal_list import SORTS, DealList, deal_list, export_headings, export_rows
from pipeline.services.bulk_edit import MOST_DEALS
from pipeline.views import answers
from pipeline.views.deal_asking import (
    DealQuestion,
    deal_head,
    deal_question,
    may,
    query_lists,
    tidied,
)

ACCEPTS = ("sort", "page")
_MEMORY = 4_000_000  # bytes of a file that are kept in memory, more goes to disk
_CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: the link that sorts by it, and how it is sorted now."""

    name: str
    text: str
    href: str
    sorted: str  # "ascending", "descending" or ""
    number: bool


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list as its template prints it."""

    found: DealList
    headings: tuple[Heading, ...]
    states: tuple[tuple[str, str, bool], ...]
    previous: str
    next: str
    csv: str
    xlsx: str
    sort: str
    key: str
    bulk_url: str
    may_bulk: bool
    too_many: bool
    reps: tuple[tuple[str, str], ...]
    query: str


def _sort(query: Mapping[str, Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    asked = (list(query.get("sort", [])) or ["-age"])[-1]
    if asked.removeprefix("-") in SORTS and not asked.startswith("--"):
        return asked, ()
    return "-age", (_("The list cannot be sorted like that; the oldest in a stage come first."),)


def _page_number(query: Mapping[str, Sequence[str]]) -> int:
    asked = (list(query.get("page", [])) or ["1"])[-1]
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 8 else 1


def _names() -> dict[str, str]:
    return {
        "name": _("Deal"),
        "customer": _("Customer"),
        "stage": _("Stage"),
        "age": _("Days in stage"),
        "amount": _("Amount"),
        "step": _("Next step"),
        "source": _("Source"),
        "rep": _("Rep"),
        "opened": pgettext("day", "Opened"),
        "closed": pgettext("day", "Closed"),
    }


def _extra(sort: str, page: int = 1) -> list[tuple[str, str]]:
    told = [("sort", "" if sort == "-age" else sort), ("page", "" if page == 1 else str(page))]
    return [(name, value) for name, value in told if value]


def _headings(question: DealQuestion, url: str, sort: str) -> tuple[Heading, ...]:
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    asked = question.asked
    found = []
    for key, text in _names().items():
        if key == "closed" and asked.state == "open":
            continue
        if key in ("age", "step") and asked.state in ("won", "lost"):
            continue
        # A second click turns the order; what people look for first comes first.
        first = f"-{key}" if key in ("age", "amount", "opened", "closed") else key
        other = first.removeprefix("-") if first.startswith("-") else f"-{first}"
        turned = other if sort == first else first
        found.append(
            Heading(
                name=key,
                text=text,
                href=url + asked.query(_extra(turned)),
                sorted=("descending" if falling else "ascending") if key == name else "",
                number=key in ("age", "amount"),
            )
        )
    return tuple(found)


def _list_page(
    request: HttpRequest, question: DealQuestion, query: Mapping[str, Sequence[str]]
) -> tuple[ListPage | None, DealQuestion]:
    if question.pipeline_id is None:
        return None, question
    pipeline_id = question.pipeline_id
    slug = request.company.slug  # type: ignore[attr-defined]
    url = reverse("pipeline:deal_list", kwargs={"company_slug": slug})
    sort, notices = _sort(query)
    question = replace(question, notices=(*question.notices, *notices))
    asked = question.asked
    found = deal_list(
        context=question.context,
        pipeline_id=pipeline_id,
        asked=asked,
        style=question.style,
        sort=sort,
        page=_page_number(query),
    )

    def at(page: int) -> str:
        return url + asked.query(_extra(sort, page))

    def file(kind: str) -> str:
        where = {"company_slug": slug, "kind": kind}
        return reverse("pipeline:deal_export", kwargs=where) + asked.query()

    words = {"open": _("Open"), "won": _("Won"), "lost": _("Lost"), "all": _("All")}
    states = tuple(
        (text, url + asked.query(_extra(sort), state=state), asked.state == state)
        for state, text in words.items()
    )
    page = ListPage(
        found=found,
        headings=_headings(question, url, sort),
        states=states,
        previous=at(found.page - 1) if found.page > 1 else "",
        next=at(found.page + 1) if found.page < found.pages else "",
        csv=file("csv"),
        xlsx=file("xlsx"),
        sort=sort,
        key=new_key(),
        bulk_url=reverse("pipeline:deal_bulk", kwargs={"company_slug": slug}),
        may_bulk=may(request, "deal.change"),
        too_many=found.total > MOST_DEALS,
        reps=tuple((o.value, o.text) for o in question.options.rows["rep"] if not o.retired),
        query=asked.query(),
    )
    return page, question


def list_context(request: HttpRequest, query: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """What the template prints for a query."""
    slug = request.company.slug  # type: ignore[attr-defined]
    page, question = _list_page(request, deal_question(request, query, accepts=ACCEPTS), query)
    url = reverse("pipeline:deal_list", kwargs={"company_slug": slug})
    return {
        "head": deal_head(request, question, url=url),
        "page": page,
        "hidden": (("state", question.asked.state),) if question.asked.state != "open" else (),
        "open_only": question.asked.state == "open",
    }


@company_view("deal.view")
@require_safe
def deal_list_page(request: HttpRequest) -> HttpResponse:
    """The list, or with htmx only what changes when a filter does."""
    if tidy := tidied(request):
        return redirect(tidy)
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "pipeline/deal_list.html" if whole else "pipeline/deal_list.html#page"
    return render(request, template, list_context(request, query_lists(request.GET)))


@company_view("deal.view")
@require_safe
def deal_export(request: HttpRequest, kind: str) -> HttpResponse:
    """The deals that the filter means, as CSV or XLSX.

    Written to a file in chunks before the transaction ends; a large one is then streamed from
    disk: neither the number of deals nor a slow reader holds memory or the database.
    """
    question = deal_question(request, query_lists(request.GET), accepts=ACCEPTS)
    if question.pipeline_id is None:
        raise Http404
    company = request.company  # type: ignore[attr-defined]
    rows = export_rows(
        context=question.context, pipeline_id=question.pipeline_id, asked=question.asked
    )
    headings = export_headings(currency=company.currency)
    file = cast(IO[bytes], SpooledTemporaryFile(max_size=_MEMORY))  # noqa: SIM115  FileResponse closes it
    if kind == "csv":
        write_csv(file, headings=headings, rows=rows)
    else:
        write_xlsx(file, title=_("Deals"), headings=headings, rows=rows)
    large = file.tell() > _MEMORY
    file.seek(0)
    name = f"{company.slug}-deals-{question.context.today.isoformat()}.{kind}"
    if large:
        streamed = FileResponse(
            file, as_attachment=True, filename=name, content_type=_CONTENT_TYPES[kind]
        )
        return cast(HttpResponse, streamed)  # what a view returns, in all but its type
    with file:
        response = HttpResponse(file.read(), content_type=_CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@answers.surface("pipeline:deal_list", target="#page")
def draw_list(request: HttpRequest, asking: answers.Asking) -> str:
    """After a change: the same page of the list."""
    context = list_context(request, query_lists(asking.query))
    response = render(request, "pipeline/deal_list.html#page", context)
    return response.content.decode()
