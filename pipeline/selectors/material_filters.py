"""What an address of the list of material asks for, and the material that it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from accounts.models import User
from pipeline.models import Material
from pipeline.selectors.folded import Folded, every_word, plain, words_of
from pipeline.selectors.stage_choices import StageNames
from pipeline.selectors.themes import ThemeBook

NONE = "none"


@dataclass(frozen=True, slots=True)
class MaterialFilter:
    """The understood part of a query string. Empty: any."""

    text: str = ""
    stage: str = ""  # an id or "none"
    theme: str = ""  # an id or "none"
    kind: str = ""
    owner: str = ""  # a user's id or "none"
    due: bool = False  # its review is overdue
    retired: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the query string, in their fixed order."""
        told = [
            ("text", self.text),
            ("stage", self.stage),
            ("theme", self.theme),
            ("kind", self.kind),
            ("owner", self.owner),
            ("due", "1" if self.due else ""),
            ("retired", "1" if self.retired else ""),
        ]
        return [(name, value) for name, value in told if value]

    def query(self, extra: Sequence[tuple[str, str]] = (), **changes: object) -> str:
        """ "?stage=3&due=1" of this filter with some answers changed, or ""."""
        changed: MaterialFilter = replace(self, **changes)  # type: ignore[arg-type]
        pairs = [*changed.pairs(), *extra]
        return "?" + urlencode(pairs) if pairs else ""


@dataclass(frozen=True, slots=True)
class MaterialPicker:
    """One select of the filter form: (value, text) to choose from."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str

    @property
    def text(self) -> str:
        """The chosen value, for people."""
        return next((text for value, text in self.options if value == self.value), self.value)


def kind_text(kind: str) -> str:
    """A kind of material, for people."""
    return {
        "article": _("Article"),
        "video": _("Video"),
        "deck": _("Deck"),
        "template": _("Template"),
        "case": _("Case study"),
        "other": _("Other"),
    }.get(kind, kind)


def kind_icon(kind: str) -> str:
    """The icon of a kind of material."""
    return {
        "video": "monitor",
        "deck": "chart-line",
        "template": "copy",
        "case": "star",
        "other": "paperclip",
    }.get(kind, "file-text")


def material_filter(
    query: Mapping[str, Sequence[str]], *, stages: StageNames, themes: ThemeBook
) -> tuple[MaterialFilter, tuple[str, ...]]:
    """Read a query string (name -> values): the filter, and notices of what was left out.

    A row of another company is as unknown as one that does not exist.
    """
    told = {name: plain(values[-1]) if values else "" for name, values in query.items()}
    notices: list[str] = []
    known = set(MaterialFilter.__dataclass_fields__) | {"page"}
    dropped = ", ".join(plain(name)[:40] for name in sorted(set(told) - known)[:5])
    if dropped:
        notices.append(
            _("Not understood in the address, so left out: {names}.").format(names=dropped)
        )

    def choice(name: str, word: str, allowed: Any) -> str:
        value = told.get(name, "")
        if value and value not in allowed:
            said = _("There is no {name} “{value}”, so it was left out.")
            notices.append(said.format(name=word, value=value[:40]))
            return ""
        return value

    owner = told.get("owner", "")
    asked = MaterialFilter(
        text=told.get("text", ""),
        stage=choice("stage", _("stage"), {NONE, *(str(pk) for pk in stages.names)}),
        theme=choice("theme", _("theme"), {NONE, *(str(pk) for pk in themes.names)}),
        kind=choice("kind", _("kind"), Material.Kind.values),
        owner=choice("owner", _("owner"), {NONE, *([owner] if _owns(owner) else [])}),
        due=bool(choice("due", _("answer"), ("1",))),
        retired=bool(choice("retired", _("answer"), ("1",))),
    )
    return asked, tuple(notices)


def _owns(value: str) -> bool:
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        return False
    return bool(Material.objects.filter(owner_id=int(value)).exists())


def matching(asked: MaterialFilter, *, stages: StageNames, themes: ThemeBook, today: date) -> Any:
    """The material that a filter means; without `retired` only what is in use."""
    found = Material.objects.filter(retired_at__isnull=not asked.retired)
    if asked.stage == NONE:
        found = found.filter(stage=None)
    elif asked.stage:
        found = found.filter(stage_id__in=stages.same.get(int(asked.stage), ()))
    if asked.theme == NONE:
        found = found.filter(theme=None)
    elif asked.theme:
        now = themes.now(int(asked.theme)) or 0
        found = found.filter(theme_id__in=themes.same(now))
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.owner == NONE:
        found = found.filter(owner=None)
    elif asked.owner:
        found = found.filter(owner_id=int(asked.owner))
    if asked.due:
        found = found.filter(review_by__lt=today)
    if words := words_of(asked.text):
        found = found.alias(named=Folded("title"), said=Folded("about")).filter(
            every_word(words, "named", "said")
        )
    return found


def pickers(
    asked: MaterialFilter, *, stages: StageNames, themes: ThemeBook
) -> tuple[MaterialPicker, ...]:
    """The selects over the list: what can be chosen, and what is. One query, for the owners."""
    any_ = ("", _("Any"))
    places = [(str(pk), stages.name(pk)) for _title, rows in stages.in_use for pk, _name in rows]
    if asked.stage not in ("", NONE, *(value for value, _name in places)):
        places.append((asked.stage, stages.name(int(asked.stage))))
    worries = [(str(pk), name) for pk, name in themes.in_use]
    if asked.theme not in ("", NONE, *(value for value, _name in worries)):
        worries.append((asked.theme, themes.names.get(int(asked.theme), "")))
    owners = User.objects.filter(
        pk__in=Material.objects.order_by().exclude(owner=None).values("owner_id").distinct()
    ).order_by("name", "email")
    return (
        MaterialPicker(
            "stage", _("Stage"), (any_, *places, (NONE, _("For any stage"))), asked.stage
        ),
        MaterialPicker("theme", _("Worry"), (any_, *worries, (NONE, _("No worry"))), asked.theme),
        MaterialPicker(
            "kind",
            _("Kind"),
            (any_, *((key, kind_text(key)) for key in Material.Kind.values)),
            asked.kind,
        ),
        MaterialPicker(
            "owner",
            _("Owner"),
            (any_, *((str(u.pk), str(u)) for u in owners), (NONE, _("No owner"))),
            asked.owner,
        ),
    )
