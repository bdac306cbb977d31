"""Which stages does a file name, and how do they become those of a pipeline?

Stage names are matched without regard to case and blanks (`WON`, `won `). Won and lost are
recognised by name. Where the company has no stages yet, the open ones of the file are put into
an order by a stated rule: those that sales tools commonly use, in their common order; then the
others, in the order in which the file first names them. `--stages` overrules.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.importers.grid import ImportRefused

Outcome = Literal["open", "won", "lost"]

_PUNCTUATION = re.compile(r"[\W_]+", re.UNICODE)

_WON = frozenset(
    (
        "won", "closedwon", "closewon", "dealwon", "wondeal", "closedandwon", "gewonnen",
        "abgeschlossengewonnen", "gagn\u00e9", "gagn\u00e9e", "ganado", "ganada", "vinto",
        "vinta", "wygrana", "wygrane", "vunnen", "vundet", "voitettu", "gewonnendeal",
    )
)  # fmt: skip
_LOST = frozenset(
    (
        "lost", "closedlost", "closelost", "deallost", "lostdeal", "closedandlost", "verloren",
        "abgeschlossenverloren", "perdu", "perdue", "perdido", "perdida", "perso", "persa",
        "przegrana", "przegrane", "f\u00f6rlorad", "tabt", "h\u00e4vitty",
    )
)  # fmt: skip

# Open stages of common pipelines, earliest first (defaults of HubSpot, Salesforce, Pipedrive and
# what teams often call theirs).
_USUAL = (
    "new", "newlead", "lead", "leadin", "newopportunity", "incoming", "open", "opened", "prospect",
    "prospecting", "contacted", "contactmade", "initialcontact", "engaging", "engaged", "nurturing",
    "callbooked", "appointmentscheduled", "meetingscheduled", "meetingbooked", "demoscheduled",
    "qualification", "qualifying", "qualified", "qualifiedtobuy", "discovery", "discoveryheld",
    "needsanalysis", "needsdefined", "meeting", "meetingheld", "presentationscheduled", "demo",
    "demoheld", "valueproposition", "evaluation", "iddecisionmakers", "perceptionanalysis",
    "decisionmakerboughtin", "solution", "proposal", "proposalmade", "proposalsent",
    "proposalpricequote", "quote", "quotesent", "offer", "offersent", "negotiation",
    "negotiationreview", "negotiationsstarted", "negotiating", "verbalcommitment", "contract",
    "contractsent", "commit", "closing",
)  # fmt: skip
_USUAL_RANK: Mapping[str, int] = {name: rank for rank, name in enumerate(_USUAL)}

OPENING_STAGE = "Opened"  # made when a file names no open stage at all


def stage_key(name: str) -> str:
    """What two spellings of one stage have in common."""
    return " ".join(name.split()).casefold()


def _bare(name: str) -> str:
    return _PUNCTUATION.sub("", name.casefold())


def terminal_kind(name: str) -> Literal["won", "lost"] | None:
    """Won or lost by the name of a stage, None for any other name."""
    bare = _bare(name)
    if bare in _WON:
        return "won"
    return "lost" if bare in _LOST else None


@dataclass(frozen=True, slots=True)
class KnownStage:
    """A stage that the company's pipeline has. `position` is None for won and lost."""

    name: str
    kind: Outcome
    position: int | None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The stages a pipeline will have, and which name of the file means which of them.

    `stages` open ones first, in order, then won and lost. `created` is empty when the pipeline
    had stages. `unknown`: keys of the file that are none of them.
    """

    stages: tuple[KnownStage, ...]
    created: tuple[KnownStage, ...]
    unknown: frozenset[str]
    how: str

    @property
    def first(self) -> KnownStage:
        for stage in self.stages:
            if stage.kind == "open":
                return stage
        raise ImportRefused("The pipeline has no open stage. Add one first.")

    def terminal(self, kind: Outcome) -> KnownStage:
        for stage in self.stages:
            if stage.kind == kind:
                return stage
        raise ImportRefused(f"The pipeline has no stage that means {kind}. Add one first.")

    def by_key(self) -> dict[str, KnownStage]:
        return {stage_key(stage.name): stage for stage in self.stages}


def best_spelling(spellings: Mapping[str, int]) -> str:
    """Of several spellings of one name the one to show: not shouted, then the most frequent."""

    def rank(item: tuple[str, int]) -> tuple[bool, int, str]:
        text, count = item
        return (not (text.isupper() or text.islower()), count, text)

    return max(spellings.items(), key=rank)[0]


def plan_stages(
    seen: Sequence[str],
    *,
    known: Sequence[KnownStage],
    told_order: Sequence[str] = (),
) -> StagePlan:
    """Match the open stages that deals stand in with the pipeline's, or plan new ones.

    `seen`: the open stages that deals stand or stood in, in file order. `known`: the pipeline's
    stages; when there are none, all are planned. `told_order`: `--stages`.
    Raises ImportRefused: `--stages` given although the pipeline has stages, or naming one twice.
    """
    spellings: dict[str, Counter[str]] = {}
    for name in seen:
        if name:
            spellings.setdefault(stage_key(name), Counter())[" ".join(name.split())] += 1
    if known:
        if told_order:
            raise ImportRefused(
                "The pipeline has its stages already, so --stages has no say. Map the names of "
                "the file with --stage-map 'Theirs=Ours'."
            )
        keys = {stage_key(stage.name) for stage in known}
        unknown = frozenset(key for key in spellings if key not in keys)
        return StagePlan(tuple(known), (), unknown, "the pipeline's own")
    told = [" ".join(name.split()) for name in told_order if name.strip()]
    told_keys = [stage_key(name) for name in told]
    if len(set(told_keys)) < len(told_keys):
        raise ImportRefused("--stages names a stage twice.")
    for name in told:
        if terminal_kind(name):
            raise ImportRefused(f"--stages is the order of the open stages; {name} is not open.")
    if told:
        unknown = frozenset(key for key in spellings if key not in told_keys)
        names = told
        how = "as told with --stages"
    else:
        unknown = frozenset()
        order = list(spellings)
        names = [
            best_spelling(spellings[key])
            for key in sorted(
                order, key=lambda key: (_USUAL_RANK.get(_bare(key), len(_USUAL)), order.index(key))
            )
        ]
        strangers = [key for key in order if _bare(key) not in _USUAL_RANK]
        how = "in the usual order of sales tools"
        if len(strangers) == len(order) and order:
            how = "in the order in which the file first names them"
        elif strangers:
            how += ", unusual ones after them in the order of the file"
        how += " (assumed; --stages to set it)"
    if not names:
        names, how = [OPENING_STAGE], "one, since the file names no open stage"
    created = [KnownStage(name, "open", n) for n, name in enumerate(names, start=1)]
    created += [KnownStage("Won", "won", None), KnownStage("Lost", "lost", None)]
    return StagePlan(tuple(created), tuple(created), unknown, how)
