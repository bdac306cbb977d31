"""What pages send: the fields of their forms and the parameters of their links, read from HTML."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from django.urls import Resolver404, resolve


@dataclass(slots=True)
class Sent:
    """One request that a page offers: a form with what stands in it, or a link with its query."""

    method: str  # get or post
    url: str
    page: str  # the name of the page that it goes to
    values: dict[str, list[str]] = field(default_factory=dict)  # as it stands there, filled
    # The fields that hold or offer a number, and what a select offers.
    numbers: dict[str, set[int]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self, at: str) -> None:
        super().__init__()
        self.at, self.found = at, list[Sent]()
        self._form: Sent | None = None
        self._select = ""
        self._forms: dict[str, Sent] = {}
        self._select_form = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a":
            self._link(given.get("href", ""))
        elif tag == "form":
            self._form = self._sent(given.get("method", "get"), given.get("action") or self.at)
            self._forms[given.get("id", "")] = self._form
        elif tag == "select":
            self._select, self._select_form = given.get("name", ""), given.get("form", "")
        elif tag == "option" and self._select:
            as_control = {"name": self._select, "value": given.get("value", "")}
            self._control(
                as_control, self._select_form, given.get("value", ""), "selected" in given
            )
        elif tag in {"input", "button", "textarea"}:
            self._input(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def _sent(self, method: str, url: str) -> Sent:
        path = urlsplit(url).path or urlsplit(self.at).path
        try:
            name = resolve(path).view_name
        except Resolver404:
            name = ""
        sent = Sent(method.lower(), url, name)
        self.found.append(sent)
        return sent

    def _link(self, href: str) -> None:
        if href.startswith(("/", "?")) and "?" in href:
            sent = self._sent(
                "get", href if href.startswith("/") else urlsplit(self.at).path + href
            )
            for name, value in parse_qsl(urlsplit(href).query):
                sent.values.setdefault(name, []).append(value)
                if value.isdecimal():
                    sent.numbers.setdefault(name, set())

    def _input(self, tag: str, given: dict[str, str]) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text")
        value = given.get("value", "")
        if kind in {"radio", "checkbox"}:
            self._control(given, given.get("form", ""), value or "on", "checked" in given)
        elif kind == "hidden" or tag == "button":
            self._control(given, given.get("form", ""), value, tag == "input")
        else:
            typed = value or _TYPED.get(kind, "Something")
            self._control(given, given.get("form", ""), typed, kind != "file", typed=True)

    def _control(
        self, given: dict[str, str], form: str, value: str, chosen: bool, typed: bool = False
    ) -> None:
        sent = self._forms.get(form) if form else self._form
        name = given.get("name", "")
        if sent is None or not name:
            return
        values = sent.values.setdefault(name, [])
        # Of a choice without a choice the first one is taken.
        if chosen or (not values and value and not typed and "type" not in given):
            values[:] = [value] if not chosen else [*values, value]
        if value.isdecimal() and not typed:
            offered = sent.numbers.setdefault(name, set())
            if self._select:
                offered.add(int(value))


_TYPED = {"number": "1", "date": "2026-05-19", "time": "10:00", "email": "a@b.example", "file": ""}


def sent_by(html: str, *, at: str) -> list[Sent]:
    """Every form and every link with a query of a page."""
    reader = _Reader(at)
    reader.feed(html)
    return reader.found


def once(found: Iterable[Sent]) -> Iterator[tuple[Sent, str]]:
    """(request, field) for every field with numbers, once for each page that it goes to."""
    seen = set()
    for sent in found:
        for name in sorted(sent.numbers):
            if sent.page and (sent.method, sent.page, name) not in seen:
                seen.add((sent.method, sent.page, name))
                yield sent, name
