"""What the people of the demo learned: invented talks, in their own words.

The story is that of the simulation: since three quarters more deals are lost after the coach was
met, to competitors who start sooner. Reps often record a price or silence where buyers name them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PRICE = "Price against the alternative"
START = "How soon it starts"
FIT = "Whether the coach fits"
DECIDER = "Who decides"
PROOF = "Proof that it lasts"
TIME = "Time away from work"
PATIENCE = "Not urgent enough"
THEMES = (PRICE, START, FIT, DECIDER, PROOF, TIME, PATIENCE)

BOOKED, DISCOVERY, COACH = 1, 2, 3  # the open stages of the demo
WON = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """A finding as it is written down. `quoted` is the key of the answer that it quotes."""

    statement: str
    theme: str
    severity: str = "medium"
    quoted: str = ""
    quote: str = ""
    source: str = ""
    at: int = COACH


@dataclass(frozen=True, slots=True)
class Told:
    """A review of a deal lost at stage `at` (0: won). `said` is what the rep recorded; the buyer's
    own reason is `level`, `detail` and `rival`, with `words`."""

    kind: str
    at: int
    answers: Mapping[str, str]
    learned: Learned
    said: str = ""
    level: str = ""
    detail: str = ""
    rival: str = ""
    words: str = ""
    subject: str = ""  # of the e-mail under review


_LOST, _BOUGHT, _CALL, _MAIL = "lost_interview", "customer_interview", "call_review", "email_review"

LOST_INTERVIEWS: tuple[Told, ...] = (
    Told(
        _LOST, COACH, said="price", level="competitor", rival="Velorin Academy",
        words="Your price was fine. They could begin on the first, you in seven weeks.",
        answers={
            "what_instead": "Another supplier.",
            "why": "Our team leads start in two weeks. Nobody could wait until the coach was free.",
            "changed_it": "A first session with any coach, soon, and the right one later.",
            "when_decided": "On the call after we met the coach, when the first date was named.",
        },
        learned=Learned("The first possible date decides, and we name it last", START, "high",
                        quoted="when_decided"),
    ),
    Told(
        _LOST, COACH, said="no decision", level="competitor", rival="Tandrill",
        words="We did decide. We just did not want to say so to somebody that friendly.",
        answers={
            "what_instead": "Another supplier, quietly.",
            "why": "They showed our finance people a price per head. Yours was one large number.",
            "changed_it": "The same sum, split by head and by month.",
        },
        learned=Learned("Finance compares a price per head, and our offer shows a total", PRICE,
                        "high", quoted="why"),
    ),
    Told(
        _LOST, COACH, said="competitor", level="competitor", rival="Velorin Academy",
        words="They gave us the first session for nothing, so my board saw one before it paid.",
        answers={
            "what_instead": "Another supplier.",
            "which": "Velorin Academy.",
            "why": "My board believes what it has seen. You told us, they showed us.",
        },
        learned=Learned("A free first session by the competitor convinces the board", PROOF,
                        "high", quoted="why"),
    ),
    Told(
        _LOST, COACH, said="not a fit", level="other", detail="not a fit",
        words="Good coach, but he had never worked with people on shifts.",
        answers={
            "why": "Half of the talk was us explaining how shifts work.",
            "changed_it": "One who has stood in a hall like ours. A reference from one would do.",
        },
        learned=Learned("Plants want a coach who knows work in shifts", FIT, quoted="why"),
    ),
    Told(
        _LOST, DISCOVERY, said="no decision", level="no_decision", detail="no decision",
        words="It was never urgent. Everybody liked it and nobody needed it by a day.",
        answers={
            "what_instead": "We left it.",
            "changed_it": "Somebody asking me what it costs us to leave it for another year.",
        },
        learned=Learned("Nobody works out what waiting costs", PATIENCE, quoted="changed_it",
                        at=DISCOVERY),
    ),
    Told(
        _LOST, DISCOVERY, said="budget", level="no_decision", detail="no decision",
        words="There is a budget. I said there was none because it is the shortest way out.",
        answers={
            "what_instead": "We left it.",
            "why": "I was the only one in the call who wanted it, and I do not decide alone.",
            "who_else": "Head of operations, she wanted to know how many hours it takes.",
        },
        learned=Learned("\"No budget\" often means that the one who decides was not in the call",
                        DECIDER, "high", quoted="why", at=DISCOVERY),
    ),
    Told(
        _LOST, COACH, said="timing", level="competitor", rival="Oskeby Partners",
        words="The timing was right. Oskeby moved theirs around our stocktaking, you could not.",
        answers={
            "why": "Three dates, all of them in our busiest weeks.",
            "changed_it": "Ask for our calendar first.",
        },
        learned=Learned("We offer dates without asking for the busy weeks", START,
                        quoted="changed_it"),
    ),
    Told(
        _LOST, DISCOVERY, said="timing", level="other", detail="timing",
        words="We merge two sites until summer. Ask me again then, please.",
        answers={"what_instead": "We put it off.", "why": "No hands free before the merger."},
        learned=Learned("A merger puts it off; a date to ask again is welcome", PATIENCE, "low",
                        quoted="why", at=DISCOVERY),
    ),
    Told(
        _LOST, COACH, said="price", level="other", detail="price",
        words="We liked everything. It was a third more than we had in the plan.",
        answers={
            "why": "The plan was made before we talked to you, and nobody asked what was in it.",
            "changed_it": "A smaller first group within the plan.",
        },
        learned=Learned("A smaller first step would have stayed within the plan", PRICE,
                        quoted="changed_it"),
    ),
    Told(
        _LOST, COACH, said="competitor", level="competitor", rival="Tandrill",
        words="Both coaches were good. Tandrill answered the same day, you after four.",
        answers={"why": "We had questions after meeting the coach, and they had answers first."},
        learned=Learned("Questions after the coach call wait four days", START, "high",
                        quoted="why"),
    ),
    Told(
        _LOST, COACH, said="no decision", level="unknown",
        words="I would rather not say. It was decided above me.",
        answers={"who_else": "The managing director, whom you never met."},
        learned=Learned("The one who decides never met the coach", DECIDER, quoted="who_else"),
    ),
)  # fmt: skip

CUSTOMER_INTERVIEWS: tuple[Told, ...] = (
    Told(
        _BOUGHT, WON,
        answers={
            "moved_forward": "The coach asked about our sick leave first and the programme last.",
            "nearly_stopped": "Eight weeks until the first date. We stayed because we knew you.",
            "material": "The page with what a group saves in a year. I showed it to finance.",
        },
        learned=Learned("Those who buy nearly left over the first date", START, "high",
                        quoted="nearly_stopped"),
    ),
    Told(
        _BOUGHT, WON,
        answers={
            "moved_forward": "A reference from our own trade, one call, ten minutes.",
            "nearly_stopped": "Our works council. It wanted to see the programme beforehand.",
        },
        learned=Learned("A works council wants the programme before the coach is met", DECIDER,
                        quoted="nearly_stopped", at=DISCOVERY),
    ),
    Told(
        _BOUGHT, WON,
        answers={
            "before": "Two team leads had resigned in one month.",
            "moved_forward": "You asked what the two resignations had cost us.",
            "who_else": "My director, she asked how we would notice that it works.",
        },
        learned=Learned("Asking for the cost of the problem moves buyers forward", PATIENCE,
                        quoted="moved_forward", at=DISCOVERY),
    ),
    Told(
        _BOUGHT, WON,
        answers={
            "moved_forward": "The reminder the day before, with one question to prepare.",
            "alternatives": "Doing it ourselves with an internal trainer.",
        },
        learned=Learned("A reminder with one question keeps the first call", TIME, "low",
                        quoted="moved_forward", at=BOOKED),
    ),
)  # fmt: skip

CALL_REVIEWS: tuple[Told, ...] = (
    Told(
        _CALL, COACH,
        answers={
            "questions_asked": "When can you start?\nWho else has done this with engineers?",
            "how_answered": "\"We will find something\", then on to the next slide.",
            "better_answer": "Name two dates within three weeks and ask which one suits.",
            "lost_here": "Minute 41, after the second time without a date.",
        },
        learned=Learned("\"When can you start?\" is answered without a date", START, "high",
                        quoted="how_answered"),
    ),
    Told(
        _CALL, COACH,
        answers={
            "objections": "A third more than the other offer on the table.",
            "how_answered": "A discount of five per cent, at once.",
            "better_answer": "What is in theirs after the course? Ours has six months of it.",
        },
        learned=Learned("A discount comes before the difference is explained", PRICE, "high",
                        quoted="how_answered"),
    ),
    Told(
        _CALL, COACH,
        answers={
            "worries": "That it is forgotten after a month, like last year's course.",
            "how_answered": "It was not. The next question came first.",
            "better_answer": "Show the follow-up after three and six months, with a name.",
        },
        learned=Learned("The worry that it is forgotten stays open", PROOF, quoted="worries"),
    ),
    Told(
        _CALL, DISCOVERY,
        answers={
            "questions_asked": "How many hours is that away from the line?",
            "better_answer": "Six times ninety minutes, and how a plant of their size placed them.",
        },
        learned=Learned("Hours away from work are asked for and not known", TIME,
                        quoted="questions_asked", at=DISCOVERY),
    ),
    Told(
        _CALL, DISCOVERY,
        answers={
            "objections": "I have to ask my boss.",
            "how_answered": "\"Of course, let me know.\"",
            "better_answer": "What will she want to know? Shall we tell her together on Thursday?",
        },
        learned=Learned("\"I have to ask my boss\" ends the call instead of opening the next",
                        DECIDER, "high", quoted="how_answered", at=DISCOVERY),
    ),
)  # fmt: skip

EMAIL_REVIEWS: tuple[Told, ...] = (
    Told(
        _MAIL, COACH, subject="Our offer",
        answers={
            "next_step": "Three of them, all optional.",
            "date": "No day, no hour.",
            "better_answer": "One question: Tuesday or Thursday for the first session?",
        },
        learned=Learned("Offers end without a date to say yes to", START, "high", quoted="date"),
    ),
    Told(
        _MAIL, COACH, subject="Answers to your questions",
        answers={
            "answers_questions": "Two of three. The price per head is not mentioned.",
            "worries": "Whether anything is left after a month.",
        },
        learned=Learned("The price per head is asked for and left out", PRICE,
                        quoted="answers_questions"),
    ),
    Told(
        _MAIL, DISCOVERY, subject="Summary of our talk",
        answers={
            "buyers_reason": "Only of us: five sentences on how we work.",
            "better_answer": "Begin with their two resignations, in their words.",
        },
        learned=Learned("Summaries speak of us and not of what the buyer said", PATIENCE,
                        quoted="buyers_reason", at=DISCOVERY),
    ),
)  # fmt: skip

# Without a review behind them. Those from notes are tied to a deal of their stage.
LEARNED: tuple[Learned, ...] = (
    Learned("Deals of more than one site wait for a second signature", DECIDER,
            source="win_loss_note",
            quote="Three of the five lost in this size waited for a second plant manager."),
    Learned("Those who met the coach within a week buy more often", START, source="win_loss_note",
            quote="Of the last ten won, eight met the coach within seven days."),
    Learned("Invitations without an agenda are moved", TIME, "low", source="win_loss_note",
            quote="Moved twice, then silence.", at=BOOKED),
    Learned("Outbound buyers do not know why they should talk now", PATIENCE,
            source="win_loss_note", quote="They took the call to be polite.", at=DISCOVERY),
    Learned("The deck shows the price on page 14 and no price per head", PRICE,
            source="material_review", quote="Finance gets the file without us beside it."),
    Learned("No page says what happens after the last session", PROOF, source="material_review",
            quote="The follow-up is half a sentence under the fees."),
    Learned("The coach profiles do not name a trade", FIT, source="material_review",
            quote="All nine read alike.", at=DISCOVERY),
    Learned("At the conference two visitors named Velorin's quick start unasked", START,
            source="other", quote="\"They had somebody here on Monday.\""),
)  # fmt: skip

# Messages by the subject of the e-mail that they are.
MESSAGES: Mapping[str, str] = {
    "Our offer": (
        "Hello {who},\n\nthank you for the talk with the coach. Enclosed you find our offer over"
        " {amount}. It holds for four weeks. If you like, we can talk it through, or I send more"
        " references, or we wait for your board.\n\nBest regards\n{rep}"
    ),
    "Answers to your questions": (
        "Hello {who},\n\ngood questions. The group has at most eight people, and the sessions can"
        " be at your place or ours. We have worked with your trade for years.\n\nBest regards\n"
        "{rep}"
    ),
    "Summary of our talk": (
        "Hello {who},\n\nas promised a short summary. We have coached teams since 2009, our"
        " coaches come from practice, and our method has three steps. I would be glad to hear"
        " from you.\n\nBest regards\n{rep}"
    ),
    "Two dates to meet the coach": (
        "Hello {who},\n\nwould Tuesday at 10 or Thursday at 14 suit you to meet the coach? It"
        " takes thirty minutes, and you choose what it is about.\n\nBest regards\n{rep}"
    ),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A material: what it is for, and in how many recent deals it was sent."""

    title: str
    kind: str
    slug: str
    about: str
    theme: str
    at: int
    sent: int
    edition: str = ""
    review_in: int = 120  # days from now; negative: overdue


MATERIAL: tuple[Piece, ...] = (
    Piece("What a group saves in a year", "article", "savings", "Two pages for finance, with the"
          " price per head", PRICE, COACH, 14, "v3"),
    Piece("Three plants, two years later", "case", "two-years", "What is left of the coaching,"
          " told by three customers", PROOF, COACH, 10, "spring"),
    Piece("Meet the coaches", "video", "coaches", "Four minutes, one story each", FIT, DISCOVERY,
          12, "v2", -12),
    Piece("One-page plan", "template", "plan", "Who, when, how many hours", TIME, DISCOVERY, 9),
    Piece("What waiting costs", "deck", "waiting", "Seven slides with the buyer's own numbers",
          PATIENCE, DISCOVERY, 6, "draft 2", 45),
    Piece("Before our first call", "article", "first-call", "One question to prepare", TIME,
          BOOKED, 8),
)  # fmt: skip

SURNAMES = (
    "Aldermoor", "Brinkholt", "Castellane", "Dorvik", "Elmsater", "Fahrholm", "Grovendal",
    "Hartveld", "Ingelmo", "Jorvald", "Kestrup", "Lindamar", "Marholt", "Norrwick", "Ostergade",
    "Pellarin", "Quistgard", "Rosmalen", "Sandquarter", "Tolmark", "Uhlenfeld", "Vestrand",
    "Wellingard", "Ysselmond", "Zwanefeld",
)  # fmt: skip
TITLES = (
    "Head of HR", "Operations manager", "Managing director", "Learning and development",
    "Plant manager", "Head of sales", "Finance",
)  # fmt: skip
