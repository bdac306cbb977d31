"""Short sentences as sellers write them; {who}, {rival}, {rep} and {day} are filled in."""

from typing import Literal

Kind = Literal["call", "meeting", "email"]

SUBJECTS: dict[tuple[Kind, int], tuple[str, ...]] = {
    ("email", 1): (
        "Looking forward to our call",
        "Agenda for our call",
        "A short question before we talk",
    ),
    ("call", 1): ("First call with {who}", "Rang {who}, no answer", "Rang back, moved the call"),
    ("meeting", 2): (
        "Discovery with {who}",
        "Discovery, second part",
        "Discovery with {who} and a colleague",
    ),
    ("email", 2): (
        "Summary of our talk",
        "The coach I would suggest",
        "Two dates to meet the coach",
    ),
    ("call", 2): ("Asked {who} about the budget", "Chased a date with the coach"),
    ("meeting", 3): (
        "{who} met the coach",
        "Coach and sponsor, first talk",
        "Offer walked through with {who}",
    ),
    ("email", 3): ("Our offer", "Answers to your questions", "References from your trade"),
    ("call", 3): ("Asked for the decision date", "Call with {who} about the price"),
}

NEEDS = (
    "six new team leads since spring, none of them trained",
    "two teams merged and nobody talks to the other",
    "sales managers who do the selling themselves",
    "high turnover in the service team",
    "project leads who avoid hard conversations",
    "a works council that asked for training",
    "branch managers who were promoted last winter",
    "a founder who wants to step back",
    "engineers who now lead people",
    "feedback that only comes once a year",
    "a new regional director who wants a common language",
    "meetings that end without a decision",
)
SIGNS = (
    "{who} has the budget until the end of the quarter",
    "finance signs above 5,000",
    "{who} decides together with the managing director",
    "they compare with one other house",
    "last year's training was forgotten after a month, so follow-up matters to them",
    "they want to start after the holidays",
    "the first group would be eight people",
    "{who} asked twice how we measure success",
    "no date for a decision yet",
    "works council wants to see the programme first",
)
AFTER_COACH = (
    "{who} liked that the coach asked about the numbers first",
    "the coach was clear and brief, good match",
    "{who} found the coach a little too young for the board",
    "sponsor left after twenty minutes",
    "they talked about a real case, time flew",
    "coach promised two references by Friday",
    "{who} asked for a smaller first step",
    "the price came up at the end and took the air out",
)
PROMISES = (
    "Next: send the plan by {day}.",
    "Next: {who} checks dates.",
    "Call again on {day}.",
    "Next: bring finance in.",
    "I send two coach profiles.",
    "No next step agreed yet.",
    "",
)
LOST_NOTES: dict[str, tuple[str, ...]] = {
    "price": (
        "Too dear for them this year, {who} was open about it.",
        "They got half our price elsewhere, without follow-up.",
    ),
    "no decision": (
        "Three calls without an answer. Closing it.",
        "{who} likes it, nobody above does anything.",
        "Put off a third time, I close it for now.",
    ),
    "competitor": (
        "Went with {rival}, they offered a free first session.",
        "{rival} was faster with dates.",
        "{who} chose {rival}: same price, start two weeks sooner.",
    ),
    "timing": (
        "Reorganisation until autumn, ask again then.",
        "Wrong moment, {who} is on leave from next week.",
    ),
    "budget": ("Training budget frozen.", "Head office cut the budget, {who} was sorry."),
    "not a fit": (
        "They look for a one-off talk, not for coaching.",
        "Wants a therapist for one person. Referred on.",
    ),
    "no show": (
        "Did not come to the call, no reply to two e-mails.",
        "Booked by mistake, it seems.",
    ),
}
WON_REASONS = (
    "the coach fitted",
    "references from their trade",
    "quick start",
    "follow-up after the course",
    "worked with us before",
    "a price per head that finance understood",
)
NEXT_STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "Send agenda and two questions",
        "Confirm who joins the call",
        "Ring back, no answer yet",
    ),
    2: (
        "Introduce the coach",
        "Get the budget holder into the next call",
        "Send the one-page plan",
        "Offer two dates with the coach",
    ),
    3: (
        "Walk through the offer with finance",
        "Ask for the decision date",
        "Send references",
        "Agree a start date",
    ),
}
WON_NOTES = (
    "Signed. {who} wants the first session in the first half of the month.",
    "Order came by e-mail, kick-off with {who} next week.",
    "Signed after the reference call, thank you {rep}.",
    "Yes from the board. Start with one group, the second in the new year.",
)
CONNECTORS = ("", "Good talk. ", "Short call. ", "{who} was well prepared. ", "In a hurry today. ")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
