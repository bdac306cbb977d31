"""The demo's material, where it was sent in recent deals, and who opened it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.actors import Actor
from accounts.models import Company, Membership
from metrics.calc.sampling import lot
from metrics.services.demo_texts import MATERIAL, Piece
from pipeline.models import Activity, Deal, Stage
from pipeline.selectors.link_tokens import token_of
from pipeline.services.material import MaterialValues, add_material
from pipeline.services.openings import Reader, follow_link
from pipeline.services.sending import send_material

_SINCE = timedelta(days=190)  # material was there before it was sent
_RECENT = timedelta(days=150)
_TRACKED, _OPENED = 3, 2  # of four sendings three have a link; of three links two were opened


@dataclass(frozen=True, slots=True)
class _Moment:
    """A deal and the last talk in it at which something could be sent."""

    deal_id: int
    customer_id: int | None
    rep: str
    happened_at: datetime


def add_material_and_uses(
    *,
    company: Company,
    by: Actor,
    members: Mapping[str, Membership],
    people: Mapping[int, int],
    as_of: datetime,
) -> None:
    """Six materials with their stage and worry, sent by reps in deals that came so far."""
    stages = {s.position: s for s in Stage.objects.filter(kind=Stage.Kind.OPEN)}
    today = company.local_day(as_of)
    for piece in MATERIAL:
        material = add_material(
            by=by,
            now=as_of - _SINCE,
            values=MaterialValues(
                title=piece.title,
                kind=piece.kind,
                address=f"https://northlight.example/for-you/{piece.slug}",
                edition=piece.edition,
                about=piece.about,
                stage_id=stages[piece.at].pk,
                theme=piece.theme,
                owner_id=by.user_id,
                review_by=today + timedelta(days=piece.review_in),
            ),
        )
        for number, moment in enumerate(_moments(piece, as_of)):
            member = members.get(moment.rep)
            _send(
                by=Actor.member(member) if member else by,
                material_id=material.pk,
                moment=moment,
                contact_id=people.get(moment.customer_id or 0),
                number=number,
                as_of=as_of,
            )


def _moments(piece: Piece, as_of: datetime) -> Sequence[_Moment]:
    """Deals in which a talk of the piece's stage was held lately, drawn by lot."""
    subjects = _SUBJECTS[piece.at]
    rows: Any = (
        Activity.objects.filter(
            happened_at__gt=as_of - _RECENT,
            happened_at__lt=as_of - timedelta(days=2),
            kind__in=subjects,
            deal__in=Deal.objects.exclude(external_id=None),
        )
        .order_by("happened_at", "id")
        .values_list(
            "deal_id", "deal__customer_id", "deal__rep__name", "happened_at", "deal__external_id",
            "subject",
        )
    )  # fmt: skip
    found: dict[int, tuple[bytes, _Moment]] = {}
    for deal_id, customer_id, rep, happened_at, external, subject in rows:
        if any(word in subject for word in _WORDS[piece.at]):
            moment = _Moment(deal_id, customer_id, rep or "", happened_at)
            found.setdefault(deal_id, (lot(piece.slug, int(external)), moment))
    return [moment for _lot, moment in sorted(found.values(), key=lambda p: p[0])][: piece.sent]


# How the simulation names the talks of a stage.
_SUBJECTS: Mapping[int, tuple[str, ...]] = {
    1: ("email", "call"),
    2: ("meeting", "email"),
    3: ("meeting", "email"),
}
_WORDS: Mapping[int, tuple[str, ...]] = {
    1: ("Looking forward", "Agenda", "before we talk", "First call"),
    2: ("Discovery", "Summary", "coach I would", "Two dates"),
    3: ("met the coach", "Coach and sponsor", "Offer walked", "Our offer", "References"),
}


def _send(
    *,
    by: Actor,
    material_id: int,
    moment: _Moment,
    contact_id: int | None,
    number: int,
    as_of: datetime,
) -> None:
    sent_at = moment.happened_at + timedelta(hours=2)
    sent = send_material(
        by=by,
        material_id=material_id,
        deal_id=moment.deal_id,
        now=sent_at,
        contact_id=contact_id,
        tracked=number % 4 < _TRACKED,
    )
    token = token_of(sent.link) if sent.link else None
    if token is None or number % 3 >= _OPENED:
        return
    for reader in range(1 + number % 2):
        opened_at = sent_at + timedelta(hours=3 + 19 * (number % 5) + 26 * reader)
        if opened_at < as_of:
            follow_link(
                token=token,
                reader=Reader(f"192.0.2.{number + 1}", f"browser {reader}", None, False),
                now=opened_at,
            )
