"""A customer with several open deals: mail goes to the one that is the rep's, else it waits."""

import pytest

from pipeline.models import Deal, EmailMessage
from pipeline.models.mail import Waiting
from tests.personas import NOW, Workspace
from tests.pipeline.test_receive_mail import open_one, receive, set_up, why_of


@pytest.fixture
def firm(alpha: Workspace) -> Workspace:
    return set_up(alpha)


@pytest.mark.parametrize("others", [("Ben",), (None,), ("Ben", None, "Ben")])
@pytest.mark.parametrize(
    "headers",
    [{}, {"From": "mia@acme.example", "To": "ada@alpha.example"}],
    ids=["sent by Ada", "sent to Ada"],
)
def test_of_several_open_deals_it_is_the_reps(
    firm: Workspace, others: tuple[str | None, ...], headers: dict[str, str]
) -> None:
    for n, rep in enumerate(others):
        open_one(firm, f"Another {n}", rep=rep)
    own = open_one(firm)
    found = receive(firm, **headers)
    assert (found.state, found.deal_id, found.why) == ("matched", own, "")
    assert EmailMessage.objects.get().rep_id == firm.reps["Ada"].pk


def test_several_open_deals_none_of_them_the_reps(firm: Workspace) -> None:
    open_one(firm, rep="Ben")
    open_one(firm, "Another", rep=None)
    assert why_of(receive(firm)) == Waiting.SEVERAL_DEALS


def test_the_writer_counts_before_those_written_to(firm: Workspace) -> None:
    """Ada writes and copies Ben in, who has a deal with the same customer too."""
    own = open_one(firm)
    open_one(firm, "Another", rep="Ben")
    assert receive(firm, To="mia@acme.example, ben@alpha.example").deal_id == own


def test_two_reps_written_to_with_a_deal_each(firm: Workspace) -> None:
    open_one(firm)
    open_one(firm, "Another", rep="Ben")
    to = "ben@alpha.example, ada@alpha.example"
    assert why_of(receive(firm, From="mia@acme.example", To=to)) == Waiting.SEVERAL_DEALS


def test_the_only_open_deal_takes_the_mail_of_a_colleague(firm: Workspace) -> None:
    """Whoever stands in for a rep writes about the rep's deal."""
    deal_id = open_one(firm)
    found = receive(firm, From="ben@alpha.example")
    assert (found.deal_id, EmailMessage.objects.get().rep_id) == (deal_id, firm.reps["Ben"].pk)


def test_a_closed_deal_of_the_rep_does_not_decide(firm: Workspace) -> None:
    closed = open_one(firm)
    Deal.objects.filter(pk=closed).update(outcome="lost", closed_on=NOW.date())
    open_one(firm, "Another", rep="Ben")
    open_one(firm, "Third", rep="Ben")
    assert why_of(receive(firm)) == Waiting.SEVERAL_DEALS
