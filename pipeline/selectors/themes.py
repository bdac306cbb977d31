"""Themes: what buyers worry about, in the company's own words, with merged ones followed."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from pipeline.models import Theme
from pipeline.selectors.settings_catalogues import Catalogue

# Added, renamed and retired as any catalogue is. No deal is sorted by it, so it restates nothing.
THEMES = Catalogue(
    slug="themes",
    noun="theme",
    model=Theme,
    deals="",
    title=gettext_lazy("Themes"),
    lead=gettext_lazy("What buyers worry about, in your own words: one word for one thing."),
    add=gettext_lazy("Add a theme"),
    empty=gettext_lazy("No themes yet. The first is made by typing it into a finding, or here."),
    same=None,
)


@dataclass(frozen=True, slots=True)
class ThemeBook:
    """All themes of a company: `names` by id, `heirs` from a merged theme to what it is now."""

    names: Mapping[int, str]
    heirs: Mapping[int, int]
    in_use: tuple[tuple[int, str], ...]  # by name

    def now(self, theme_id: int | None) -> int | None:
        """The theme that stands for this one now; None for none."""
        return None if theme_id is None else self.heirs.get(theme_id, theme_id)

    def name(self, theme_id: int | None) -> str:
        """The name that a theme goes by now; empty for none."""
        found = self.now(theme_id)
        return "" if found is None else self.names.get(found, "")

    def same(self, theme_id: int) -> tuple[int, ...]:
        """A theme and all that were merged into it."""
        return (theme_id, *(old for old, new in self.heirs.items() if new == theme_id))


def theme_book() -> ThemeBook:
    """The themes of the active company, in one query."""
    rows = list(
        Theme.objects.order_by("name", "id").values_list(
            "id", "name", "merged_into_id", "retired_at"
        )
    )
    return ThemeBook(
        names={pk: name for pk, name, _into, _retired in rows},
        heirs={pk: into for pk, _name, into, _retired in rows if into is not None},
        in_use=tuple((pk, name) for pk, name, _into, retired in rows if retired is None),
    )
