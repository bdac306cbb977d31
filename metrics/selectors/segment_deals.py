"""The deals of a segment as a condition on the table, by the rules that the figures follow."""

from typing import Any

from django.db.models import Q

from metrics.selectors.filters import UNKNOWN, segment_parts
from pipeline.models import Product, Rep, Source, Team

_CATALOGUES: dict[str, tuple[str, Any, str]] = {
    "channel": ("source_id", Source, "channel"),
    "source": ("source_id", Source, "name"),
    "product": ("product_id", Product, "name"),
    "rep": ("rep_id", Rep, "name"),
    "team": ("rep__team_id", Team, "name"),
}


def in_segment(segment: str, *, deal: str = "") -> Q:
    """The deals of a segment (`all`, `channel=inbound&product=Course`) by their attributes.

    `deal` is the way to the deal from the table asked ("deal__"). Names are compared exactly
    after trimming; no value, and a value called unknown, is the segment `unknown`. One query
    on a catalogue for each dimension.
    """
    found = Q()
    for dimension, value in segment_parts(segment).items():
        path, model, field = _CATALOGUES[dimension]
        named = {pk: (text or "").strip() for pk, text in model.objects.values_list("pk", field)}
        wanted = {"", UNKNOWN} if value == UNKNOWN else {value.strip()}
        ids = [pk for pk, text in named.items() if text in wanted]
        part = Q(**{f"{deal}{path}__in": ids})
        found &= part | Q(**{f"{deal}{path}__isnull": True}) if value == UNKNOWN else part
    return found
