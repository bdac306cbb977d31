"""The review of a quarter: the same figures on the page, in the PDF and in the workbook."""

import io
import re
from datetime import date, timedelta
from html import unescape

import openpyxl
import pypdf
import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, Finding, QuarterReview
from metrics.services.sign_offs import sign_quarter
from tests.metrics.classic_quarter import classic, quiet_world  # noqa: F401  fixtures
from tests.personas import NOW, World, client_of

PAGE = "/w/alpha/quarters/2026-Q1/review/"
EDIT = f"{PAGE}edit/"
TEXTS = {
    "summary": "Won less, learned more.\n=1+1 is no formula.",
    "bet_1": "Ask who signs",
    "bet_2": "",
    "bet_3": "One page before the offer",
    "version": "0",
}


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def squeeze(text: str) -> str:
    """Without any space: where a PDF breaks a line inside a cell is nobody's figure."""
    return re.sub(r"\s+", "", text)


def printed_rows(page: str) -> list[list[list[str]]]:
    """The review's tables on the page, as people read them: rows of cells, headings left out."""
    bodies = re.findall(r'<table class="tbl tight">.*?<tbody>(.*?)</tbody>', page, re.S)
    return [
        [
            [
                one_line(unescape(re.sub(r"<[^>]+>", "", cell))).strip()
                for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
            ]
            for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)
        ]
        for body in bodies
    ]


def pdf_text(client: Client, page: str = PAGE) -> str:
    response = client.get(f"{page}pdf/")
    assert response["Content-Type"] == "application/pdf"
    read = pypdf.PdfReader(io.BytesIO(response.content))
    return one_line(" ".join(sheet.extract_text() for sheet in read.pages))


def workbook(client: Client, page: str = PAGE) -> openpyxl.Workbook:
    response = client.get(f"{page}xlsx/")
    assert response["Content-Disposition"] == 'attachment; filename="alpha-2026-Q1-review.xlsx"'
    return openpyxl.load_workbook(io.BytesIO(response.content))


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


@pytest.fixture
def classic_manager(classic: World) -> Client:  # noqa: F811
    return client_of(classic.a.user(Role.MANAGER))


def test_page_pdf_and_workbook_have_the_same_figures(classic_manager: Client) -> None:
    """The classic quarter: 100 booked, 90 held, 50 met the coach, 20 won; 833.33 a day."""
    response = classic_manager.get(PAGE)
    assert response.status_code == 200
    report = response.context["report"]
    printed = printed_rows(response.content.decode())
    text = pdf_text(classic_manager)
    squeezed, at = squeeze(text), 0
    book = workbook(classic_manager)
    figures = 0
    tables = [s for s in report.sections if s.table is not None and s.table.rows]
    assert [s.key for s in tables][:2] == ["velocity", "funnel"]
    for section in report.sections:
        for sentence in section.sentences:
            assert one_line(sentence) in text, sentence
    seen = -1  # drawings have tables of their own in between
    for section in tables:
        shown = [[one_line(cell.text) for _column, cell in row] for row in section.table.page_rows]
        assert shown in printed, section.title
        assert printed.index(shown) > seen
        seen = printed.index(shown)
        for row in shown:  # the cells of a row side by side, and the rows below each other
            at = squeezed.find(squeeze("".join(row)), at)
            assert at >= 0, (section.title, row)
            at += len(squeeze("".join(row)))
        sheet = book[section.title[:31].replace("?", " ").strip()]
        places = section.table.shown("file")
        heads = [section.table.columns[place].name for place in places]
        cells = [list(row) for row in sheet.iter_rows(values_only=True)]
        start = next(n for n, row in enumerate(cells) if row[: len(heads)] == heads) + 1
        for line, row in zip(cells[start:], section.table.rows, strict=False):
            for place, found in zip(places, line, strict=False):
                cell = row[place]
                if isinstance(cell.value, int | float):
                    assert found == pytest.approx(cell.value), cell
                    figures += 1
                elif cell.value is None:
                    assert (found or "") == cell.text
                else:
                    assert found == str(cell.value)
    assert figures > 30
    stages = next(s for s in report.sections if s.key == "funnel").table
    assert [row[1].value for row in stages.rows] == [100, 90, 50]
    assert [row[8].value for row in stages.rows] == [10, 40, 30]
    velocity = next(s for s in report.sections if s.key == "velocity").table
    assert velocity.rows[0][1].value == pytest.approx(50 * 1000 * 0.2 / 12)
    assert [velocity.rows[0][place].value for place in (4, 5, 6, 7)] == pytest.approx(
        [50.0, 1000.0, 0.2, 12.0]
    )


def test_the_velocity_page_says_the_same(classic_manager: Client) -> None:
    report = classic_manager.get(PAGE).context["report"]
    page = classic_manager.get("/w/alpha/velocity/", {"q": "2026-Q1"}).context["page"]
    row = next(s for s in report.sections if s.key == "velocity").table.rows[0]
    assert row[1].text == page.hero.value


def test_the_workbook_has_every_definition(manager: Client) -> None:
    sheet = workbook(manager)["Definitions"]
    terms = dict(sheet.iter_rows(values_only=True))
    assert "Sales velocity" in " ".join(map(str, terms)) or "Velocity" in terms
    assert all(
        meaning and "{#" not in meaning and "**" not in meaning for meaning in terms.values()
    )
    assert len(terms) > 20


def test_managers_write_summary_and_bets_which_stand_in_all_three(manager: Client) -> None:
    response = manager.post(EDIT, TEXTS)
    assert response.status_code in (302, 303)
    page = one_line(manager.get(PAGE).content.decode())
    for words in ("Won less, learned more.", "1. Ask who signs", "3. One page before the offer"):
        assert words in page
        assert words in pdf_text(manager)
    sheet = workbook(manager)["Review"]
    assert "=1+1 is no formula." in [row[0].value for row in sheet.iter_rows()]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_who_wrote_meanwhile_is_not_written_over(manager: Client, computed: World) -> None:
    owner = client_of(computed.a.user(Role.OWNER))
    manager.post(EDIT, TEXTS)
    response = owner.post(EDIT, {**TEXTS, "bet_1": "Something else"})
    assert response.status_code == 409
    body = response.content.decode()
    assert "Somebody changed this review meanwhile" in body
    assert "There now: Ask who signs" in body
    assert "Something else" in body  # what was typed stays
    with company_context(computed.a.company.pk):
        assert QuarterReview.objects.get().bets == [
            "Ask who signs",
            "",
            "One page before the offer",
        ]
    again = owner.post(EDIT, {**TEXTS, "bet_1": "Something else", "version": "1"})
    assert again.status_code in (302, 303)
    with company_context(computed.a.company.pk):
        assert QuarterReview.objects.get().bets[0] == "Something else"
        assert AuditEntry.objects.filter(action="quarter.review_written").count() == 2


def test_the_same_again_writes_nothing(manager: Client, computed: World) -> None:
    manager.post(EDIT, TEXTS)
    manager.post(EDIT, TEXTS)
    with company_context(computed.a.company.pk):
        assert QuarterReview.objects.get().version == 1


def test_leaders_read_and_do_not_write(computed: World) -> None:
    leader = client_of(computed.a.user(Role.LEADER))
    assert EDIT not in leader.get(PAGE).content.decode()
    assert leader.get(EDIT).status_code == 403
    assert leader.post(EDIT, TEXTS).status_code == 403


def test_too_long_is_refused_with_a_sentence_and_keeps_what_was_typed(manager: Client) -> None:
    response = manager.post(EDIT, {**TEXTS, "bet_2": "w" * 301})
    assert response.status_code == 422
    assert "w" * 301 in response.content.decode()


def test_danger_points_with_their_best_findings_and_the_signature(
    manager: Client, computed: World
) -> None:
    a = computed.a
    with company_context(a.company.pk):
        common = {"pipeline": a.pipeline, "stage": a.stages["Held"]}
        DangerPoint.objects.create(
            **common, opened_quarter="2026-Q1", opened_at=NOW - timedelta(days=80)
        )
        for number, severity in enumerate(["low", "high", "medium"]):
            Finding.objects.create(
                **common,
                source="call_review",
                statement=f"Learned {number}",
                severity=severity,
                learned_on=date(2026, 3, 1),
                recorded_at=NOW,
            )
        signed = sign_quarter(
            by=a.actor(Role.MANAGER),
            now=NOW,
            pipeline_id=a.pipeline.pk,
            quarter_start=date(2026, 1, 1),
            comment="As agreed.",
        )
    report = manager.get(PAGE).context["report"]
    danger = next(s for s in report.sections if s.key == "danger")
    assert [quote.text for quote in danger.items[0].quotes] == ["Learned 1", "Learned 2"]
    assert "As agreed." in report.signature
    text = pdf_text(manager)
    assert "Learned 1" in text
    assert signed.digest in text.replace(" ", "").replace("\u200b", "")


def test_a_danger_point_opened_because_of_the_quarter_stands_in_its_review(
    manager: Client, computed: World
) -> None:
    """Its quarter had ended by then: the figures of that quarter led to it."""
    a = computed.a
    with company_context(a.company.pk):
        DangerPoint.objects.create(
            pipeline=a.pipeline,
            stage=a.stages["Held"],
            opened_quarter="2026-Q1",
            opened_at=NOW,
        )
    report = manager.get(PAGE).context["report"]
    danger = next(s for s in report.sections if s.key == "danger")
    assert [item.title.split(" ")[0] for item in danger.items] == ["Held"]


def test_a_running_quarter_says_that_it_will_change(manager: Client) -> None:
    report = manager.get("/w/alpha/quarters/2026-Q2/review/").context["report"]
    assert any("will still change" in line for line in report.warnings)


def test_an_unknown_quarter_or_kind_is_not_there(manager: Client) -> None:
    assert manager.get("/w/alpha/quarters/2031-Q1/review/").status_code == 404
    assert manager.get(f"{PAGE}docx/").status_code == 404
