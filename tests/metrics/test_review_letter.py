"""The review by mail: to who wishes it, once, when a quarter becomes final, with its PDF."""

import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pypdf
import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.test import override_settings

from accounts.actors import Actor
from accounts.models import Membership, Notification, NotificationChoice, User
from accounts.roles import Role
from accounts.services import news_mail
from accounts.services.members import remove_member
from accounts.services.news_mail import send_news
from accounts.services.notifications import choose
from metrics import tasks
from metrics.reports import review_letter
from metrics.reports.review_letter import ReviewLetters
from metrics.services.news import tell_quarters
from pipeline.models import Pipeline, Stage
from pipeline.services.deals import open_deal
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.test_news import member, sweep
from tests.personas import client_of

pytestmark = pytest.mark.django_db
FINAL = at("2026-04-09T13:00")
WISH = "Send me the quarterly review as PDF when a quarter becomes final"


def wishes(email: str, wish: bool = True) -> None:
    with transaction.atomic():
        membership = Membership.objects.select_related("user").get(user__email=email)
        choose(
            by=Actor.member(membership),
            membership=membership,
            kind="quarter_review",
            shown=True,
            mailing="at_once" if wish else "off",
        )


def rounds(small: Small, n: int = 2, now=FINAL) -> list[EmailMessage]:
    """Tell and mail as the worker does; the letters with a file that went out."""
    before = len(mail.outbox)
    for _ in range(n):
        tell_quarters(company_id=small.company.pk, now=now)
        send_news(company_id=small.company.pk, now=now, enclose=ReviewLetters())
    return [letter for letter in mail.outbox[before:] if letter.attachments]


def pdf_text(content: bytes) -> str:
    sheets = pypdf.PdfReader(io.BytesIO(content)).pages
    return one_line(" ".join(sheet.extract_text() for sheet in sheets))


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def small() -> Iterator[Small]:
    """Q1 2026 became final with two deals, one of them won; the four roles are members."""
    with small_company() as made:
        for role in Role:
            member(made, f"{role.value}@x.example", role)
        won = made.opens("2026-02-02")
        made.opens("2026-02-03")
        sweep(made, "2026-02-03T13:00")  # while it ran: else it would be an imported one
        made.moves(won.deal_id, made.won, "2026-03-02")
        sweep(made, "2026-04-09")
        yield made


def test_nobody_gets_it_without_the_wish(small: Small) -> None:
    assert rounds(small) == []
    with transaction.atomic():
        assert {row.mailing for row in Notification.objects.filter(kind="quarter_review")} == {
            "off"
        }


def test_who_wishes_it_gets_the_review_with_its_pdf_once(small: Small) -> None:
    wishes("leader@x.example")
    wishes("rep@x.example")  # who may not read the review of all
    with override_settings(PUBLIC_URL="https://sales.example"):
        (letter,) = rounds(small)
    assert letter.to == ["leader@x.example"]
    assert letter.subject == "Small: Q1 2026 is final. This is its review, as it stands now."
    page = client_of(User.objects.get(email="leader@x.example")).get(
        "/w/small/quarters/2026-Q1/review/"
    )
    report = page.context["report"]
    (name, content, kind) = letter.attachments[0]
    assert (name, kind) == ("small-2026-Q1-review.pdf", "application/pdf")
    text, body = pdf_text(content), one_line(letter.body)
    sentences = [line for part in report.sections for line in part.sentences]
    assert len(sentences) > 5
    for line in (report.title, *report.lines, *sentences):
        assert one_line(line) in text, line
        assert one_line(line) in body, line
    assert "https://sales.example/w/small/quarters/2026-Q1/review/" in letter.body
    assert rounds(small) == []


def test_without_a_public_address_there_is_no_link_and_the_review_all_the_same(
    small: Small,
) -> None:
    wishes("owner@x.example")
    (letter,) = rounds(small)
    assert "http" not in letter.body
    assert "/w/small" not in letter.body
    assert "Review of Q1 2026" in letter.body


def test_it_speaks_the_readers_language_and_is_made_once_for_all_who_read_it(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    write = review_letter.review_pdf

    def counted(review, **more: object) -> bytes:
        made.append(review.report.language)
        return write(review, **more)

    monkeypatch.setattr(review_letter, "review_pdf", counted)
    for email in ("owner@x.example", "manager@x.example", "leader@x.example"):
        wishes(email)
    User.objects.filter(email="leader@x.example").update(locale="fr")
    letters = {letter.to[0]: letter for letter in rounds(small, n=1)}
    assert len(letters) == 3
    assert sorted(made) == ["en", "fr"]
    assert "T1 2026" in pdf_text(letters["leader@x.example"].attachments[0][1])
    assert "Q1 2026" in pdf_text(letters["owner@x.example"].attachments[0][1])


@pytest.mark.parametrize("taken", [False, True], ids=["before it was taken", "after"])
def test_a_killed_worker_loses_none_and_a_second_copy_is_the_same_letter(
    small: Small, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    wishes("leader@x.example")
    send = EmailMessage.send

    def killed(message: EmailMessage, *_: object, **__: object) -> None:
        if message.attachments:
            if taken:
                send(message)
            raise SystemExit
        send(message)

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", killed)
        with pytest.raises(SystemExit):
            rounds(small)
    assert len(rounds(small, now=FINAL + timedelta(minutes=1))) == 1
    copies = [letter for letter in mail.outbox if letter.attachments]
    assert len(copies) == 1 + taken
    assert len({letter.extra_headers["Message-ID"] for letter in copies}) == 1
    assert len({letter.attachments[0][1] for letter in copies}) == 1


def test_who_left_gets_nothing_and_who_wishes_later_nothing_of_before(small: Small) -> None:
    wishes("leader@x.example")
    tell_quarters(company_id=small.company.pk, now=FINAL)
    with transaction.atomic():
        gone = Membership.objects.get(user__email="leader@x.example")
    remove_member(by=BY, membership_id=gone.pk, now=FINAL)
    wishes("manager@x.example")
    assert rounds(small) == []


def test_a_restatement_brings_no_second_review(small: Small) -> None:
    wishes("leader@x.example")
    assert len(rounds(small)) == 1
    late = small.opens("2026-02-10", now="2026-04-10")
    small.moves(late.deal_id, small.lost, "2026-03-20", now="2026-04-10")
    sweep(small, "2026-04-10T13:00")
    assert rounds(small, now=at("2026-04-10T14:00")) == []


def test_a_review_that_cannot_be_made_waits_and_holds_up_no_other_letter(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    wishes("leader@x.example")
    with transaction.atomic():
        leader = Membership.objects.get(user__email="leader@x.example")
        NotificationChoice.objects.create(
            membership=leader, kind="quarter_final", mailing="at_once"
        )

    def broken(*_: object, **__: object) -> bytes:
        raise ValueError("no picture")

    with monkeypatch.context() as patch:
        patch.setattr(review_letter, "review_pdf", broken)
        patch.setattr(news_mail, "note_failure", lambda **told: noted.append(told["what"]))
        assert rounds(small) == []
    assert noted == ["letter not made", "letter not made"]  # in each of two rounds
    assert [letter.subject for letter in mail.outbox] == [
        "Small: Q1 2026 is final. Its review is ready to be read."
    ]
    # Ten days later it is mended: a review is worth reading then too.
    assert len(rounds(small, now=FINAL + timedelta(days=10))) == 1


def test_two_pipelines_are_told_apart_and_each_links_to_its_own_review() -> None:
    with small_company() as small:
        member(small, "leader@x.example", Role.LEADER)
        wishes("leader@x.example")
        with transaction.atomic():
            partners = Pipeline.objects.create(name="Partner deals", position=2)
            first, *_ = [
                Stage.objects.create(pipeline=partners, name=name, kind=kind, position=position)
                for name, kind, position in (
                    ("Referred", "open", 1), ("Won", "won", None), ("Lost", "lost", None),
                )
            ]  # fmt: skip
        small.opens("2026-02-02")
        open_deal(
            by=BY, pipeline_id=partners.pk, stage_id=first.pk, name="Deal", amount=None,
            occurred_at=at("2026-02-02"), now=at("2026-02-02"), rep_id=small.rep,
            source_id=small.inbound,
        )  # fmt: skip
        sweep(small, "2026-02-02T13:00")
        sweep(small, "2026-04-09")
        letters = rounds(small)
        assert sorted(letter.attachments[0][0] for letter in letters) == [
            "small-partner-deals-2026-Q1-review.pdf",
            "small-sales-2026-Q1-review.pdf",
        ]
        client = client_of(User.objects.get(email="leader@x.example"))
        rows = client.get("/w/small/notifications/").context["rows"]
        assert sorted(row.text for row in rows) == [
            "Q1 2026 (Partner deals) is final. Its review is ready to be read.",
            "Q1 2026 (Sales) is final. Its review is ready to be read.",
        ]
        links = {row.text[9:16]: row.path for row in rows}
        stages = {
            whose: [
                row[0].text
                for part in client.get(link).context["report"].sections
                if part.key == "funnel"
                for row in part.table.rows
            ]
            for whose, link in links.items()
        }
        assert stages == {"Partner": ["Referred"], "Sales) ": ["Booked", "Met"]}
        page = client.get(links["Partner"])
        assert page.context["report"].title == "Review of Q1 2026 (Partner deals)"
        # What stands on it stays in that pipeline.
        for name in ("quarter_url", "pdf_url", "xlsx_url"):
            assert page.context[name].endswith(f"?pipeline={partners.pk}")
        quarter = client.get(page.context["quarter_url"])
        assert [stage.name for stage in quarter.context["page"].stages] == ["Referred"]
        assert client.get(quarter.context["restatements_url"]).status_code == 200
        assert client.get(quarter.context["sign_off_url"]).status_code == 200
        assert client.get("/w/small/quarters/2026-Q1/?pipeline=999999").status_code == 404
        assert client.get("/w/small/quarters/2026-Q1/?pipeline=x").status_code == 404


def test_the_wish_is_one_box_among_the_choices(small: Small) -> None:
    page = "/w/small/notifications/choices/"
    leader = client_of(User.objects.get(email="leader@x.example"))
    assert WISH in leader.get(page).content.decode()
    assert WISH not in client_of(User.objects.get(email="rep@x.example")).get(page).content.decode()
    leader.post(page, {"quarter_review-wish": "on", "quarter_review-shown": "on"})
    with transaction.atomic():
        kept = NotificationChoice.objects.get(kind="quarter_review")
        assert (kept.shown, kept.mailing) == (False, "at_once")
    leader.post(page, {"quarter_review-mail": "digest"})
    with transaction.atomic():
        kept.refresh_from_db()
        assert (kept.shown, kept.mailing) == (False, "off")


def test_one_company_that_fails_silences_no_other(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message for each company, whose failure is counted as a task's; letters go out first."""
    sent: list[tuple[tuple[int, ...], int]] = []
    monkeypatch.setattr(
        tasks.news_round, "apply_async", lambda args, expires: sent.append((args, expires))
    )
    with small_company("other") as other:
        other.opens("2026-02-02")
        tasks.news()
        tasks.news()  # another beat, within the lease
        assert sent == [((small.company.pk,), 60), ((other.company.pk,), 60)]
    wishes("leader@x.example")
    tell_quarters(company_id=small.company.pk, now=FINAL)

    def broken(**_: object) -> int:
        raise ValueError("a row that nobody can read")

    monkeypatch.setattr(tasks, "tell_quarters", broken)
    monkeypatch.setattr(tasks.timezone, "now", lambda: FINAL)
    with pytest.raises(ValueError, match="a row"):
        tasks.news_round(small.company.pk)
    assert [letter.to for letter in mail.outbox if letter.attachments] == [["leader@x.example"]]
