"""How numbers, money, days and dates are written, in every language, by CLDR.

One function per kind; pages, exports for people and chart labels all come through here, so a
figure never looks different in two places. `None` in gives `None` out: what to say instead of
a figure that does not exist is the caller's sentence, never a zero.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_symbol, parse_pattern
from django.utils.translation import gettext, ngettext

MINUS = "\N{MINUS SIGN}"
RATE_MINIMUM = 10  # under this n a share is written as a count
RATE_DECIMAL = 100  # from this n on a share has one decimal
_BIG = 1e15  # above this, digits are noise and the place breaks


@dataclass(frozen=True, slots=True)
class Style:
    """In which language and currency figures are written, e.g. Style("en_GB", "EUR")."""

    locale: str
    currency: str

    @property
    def babel(self) -> Locale:
        return _locale(self.locale)


def style_for(*, language: str, company_locale: str, currency: str) -> Style:
    """The reader's language, with the company's region where the two share the language.

    `language` and `company_locale` are tags such as "fr", "en-gb" or "en_US".
    """
    reader = language.replace("-", "_")
    company = company_locale.replace("-", "_")
    same = reader.split("_")[0].lower() == company.split("_")[0].lower()
    return Style(locale=company if same else reader, currency=currency)


@lru_cache(maxsize=64)
def _locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag)
    except (UnknownLocaleError, ValueError):
        try:
            return Locale.parse(tag.split("_")[0])
        except (UnknownLocaleError, ValueError):
            return Locale.parse("en")


def _true_minus(text: str) -> str:
    return text.replace("-", MINUS)


def _signed(text: str, value: float) -> str:
    """The text with + before a gain; a value that is written as zero has no sign."""
    if not any(c.isdigit() and c != "0" for c in text):
        return text.replace(MINUS, "")
    return f"+{text}" if value > 0 else text


def number(value: float | None, style: Style, *, decimals: int = 0) -> str | None:
    """A plain number: 1,234 in English, 1 234 in French. Shape: text, or None."""
    if value is None:
        return None
    return _digits(value + 0, decimals, style.locale)  # no "minus zero"


# The same figures stand on every page, and writing one takes longer than the rest of its cell.
# Typed, since a Decimal and a float that are equal need not be written alike.
@lru_cache(maxsize=20_000, typed=True)
def _digits(value: float, decimals: int, locale: str) -> str:
    pattern = "#,##0" + (f".{'0' * decimals}" if decimals else "")
    return _true_minus(format_decimal(value, format=pattern, locale=_locale(locale)))


def average(value: float | None, style: Style) -> str | None:
    """A mean count, such as deals open on an average day: one decimal under 100, else none."""
    if value is None:
        return None
    whole = abs(value) >= 100 or float(value).is_integer()
    return number(value, style, decimals=0 if whole else 1)


def signed_number(value: float | None, style: Style, *, decimals: int = 0) -> str | None:
    """A change of a plain number, with its sign: +12, −3."""
    text = number(value, style, decimals=decimals)
    return None if text is None or value is None else _signed(text, value)


@lru_cache(maxsize=64)
def _money_pattern(tag: str) -> str:
    """The locale's currency pattern without decimals: ¤#,##0 or #,##0 ¤."""
    pattern: str = _locale(tag).currency_formats["standard"].pattern
    positive = pattern.split(";")[0]
    head, _, rest = positive.partition(".")
    return head + rest.lstrip("0#") if rest else positive


def money(value: float | None, style: Style) -> str | None:
    """Money without decimals: €8,466 in English, 8 466 € in French."""
    if value is None:
        return None
    if abs(value) >= _BIG:
        return _true_minus(f"{value:.3g} {currency_symbol(style)}")
    return _whole_money(round(value) + 0, style.currency, style.locale)  # no "minus zero"


@lru_cache(maxsize=20_000, typed=True)
def _whole_money(value: int, currency: str, locale: str) -> str:
    text: str = format_currency(
        value,
        currency,
        format=_money_pattern(locale),
        locale=_locale(locale),
        currency_digits=False,
    )
    return _true_minus(text)


def signed_money(value: float | None, style: Style) -> str | None:
    """A change of money, with its sign: +€297, −€156."""
    text = money(value, style)
    return None if text is None or value is None else _signed(text, value)


def money_per_day(value: float | None, style: Style) -> str | None:
    """Velocity: €8,466 per day, 8 466 € par jour."""
    text = money(value, style)
    return None if text is None else gettext("{money} per day").format(money=text)


def money_short(value: float, style: Style) -> str:
    """Money on an axis: €8k, €1.5M; 8 k€, 1,5 M€ in French. Only axes may abbreviate."""
    size = abs(value)
    for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= limit:
            scaled = round(value / limit, 2)
            decimals = 0 if scaled == round(scaled) else (1 if scaled == round(scaled, 1) else 2)
            digits = number(scaled, style, decimals=decimals) or ""
            return _place_symbol(digits, letter, style)
    decimals = 0 if value == round(value) else (1 if value == round(value, 1) else 2)
    return _place_symbol(number(value, style, decimals=decimals) or "", "", style)


def signed_money_short(value: float, style: Style) -> str:
    """A change over a bar with little room: +€1.2k."""
    return _signed(money_short(value, style), value)


def currency_symbol(style: Style) -> str:
    """€, £, CHF: the symbol by which the reader's language knows the currency."""
    symbol: str = get_currency_symbol(style.currency, locale=style.babel)
    return symbol


def _place_symbol(digits: str, letter: str, style: Style) -> str:
    symbol = currency_symbol(style)
    prefix = parse_pattern(_money_pattern(style.locale)).prefix[0]
    if "¤" in prefix:
        sign, digits = (MINUS, digits[1:]) if digits.startswith(MINUS) else ("", digits)
        gap = "\N{NO-BREAK SPACE}" if "\N{NO-BREAK SPACE}" in prefix or len(symbol) > 2 else ""
        return f"{sign}{symbol}{gap}{digits}{letter}"
    return f"{digits}\N{NO-BREAK SPACE}{letter}{symbol}"


def percent(share: float | None, style: Style, *, decimals: int = 0) -> str | None:
    """A share of one as per cent: 23%, 23,4 % in French. For a rate with its n use `rate`."""
    if share is None:
        return None
    base: str = style.babel.percent_formats[None].pattern
    suffix = base.rpartition("0")[2]
    text = number(share * 100, style, decimals=decimals) or ""
    return text + suffix


def rate(k: int, n: int, style: Style) -> str:
    """A rate by the rule of its n: 23.4% from 100 on, 23% under it, "3 of 8" under 10."""
    if n < RATE_MINIMUM:
        return k_of_n(k, n, style)
    return percent(k / n, style, decimals=1 if n >= RATE_DECIMAL else 0) or ""


def k_of_n(k: int, n: int, style: Style) -> str:
    """The counts behind a rate: 50 of 214, 50 sur 214."""
    return gettext("{k} of {n}").format(k=number(k, style), n=number(n, style))


def rate_of(k: int, n: int, style: Style) -> str:
    """A rate with its counts: 23.4% (50 of 214); only the counts under n = 10."""
    counts = k_of_n(k, n, style)
    return counts if n < RATE_MINIMUM else f"{rate(k, n, style)} ({counts})"


def pts(change: float | None, style: Style) -> str | None:
    """A change of a share in percentage points: +2.5 pts. `change` is a share (0.025)."""
    if change is None:
        return None
    text = number(change * 100, style, decimals=1) or ""
    return gettext("{points} pts").format(points=_signed(text, change))


def change(old: float | None, new: float | None, style: Style) -> str | None:
    """The relative change: +17.9%. None where it has no meaning (nothing before, or zero)."""
    if old is None or new is None or old == 0:
        return None
    share = new / abs(old) - old / abs(old)
    decimals = 1 if abs(share) < 10 else 0
    return _signed(percent(share, style, decimals=decimals) or "", share)


def days(value: float | None, style: Style) -> str | None:
    """A duration in whole days: 88 days, 1 day, 88 jours."""
    if value is None:
        return None
    whole = round(value)
    text = number(whole, style) or ""
    return ngettext("{days} day", "{days} days", whole).format(days=text)


def signed_days(value: float | None, style: Style) -> str | None:
    """A change of a duration: −3 days."""
    if value is None:
        return None
    whole = round(value)
    text = _signed(number(whole, style) or "", whole)
    return ngettext("{days} day", "{days} days", abs(whole)).format(days=text)


def interval(pair: tuple[float, float] | None, style: Style) -> str | None:
    """A 95 % interval of a share: 95% 18 to 29%; 95 % : 18 à 29 %."""
    if pair is None:
        return None
    return gettext("95% {low} to {high}").format(
        low=number(pair[0] * 100, style), high=percent(pair[1], style)
    )


def money_interval(pair: tuple[float, float] | None, style: Style) -> str | None:
    """A 95 % interval of money: 95% €567 to €1,475."""
    if pair is None:
        return None
    return gettext("95% {low} to {high}").format(
        low=money(pair[0], style), high=money(pair[1], style)
    )


def p_value(value: float | None, style: Style) -> str | None:
    """A p-value with two digits: p = 0.04; p < 0.01."""
    if value is None:
        return None
    if value < 0.01:
        return f"p < {number(0.01, style, decimals=2)}"
    return f"p = {number(value, style, decimals=2)}"


def chance(value: float | None, style: Style) -> str | None:
    """A probability in plain words: 88 in 100; never 0 or 100, which would claim certainty."""
    if value is None:
        return None
    of_100 = min(99, max(1, round(value * 100)))
    return gettext("{k} in 100").format(k=number(of_100, style))


def day(value: date | datetime, style: Style, *, today: date | None = None) -> str:
    """A date: 4 Sep, with its year when it is not the one of `today` (always, without)."""
    same_year = today is not None and value.year == today.year
    pattern = "d MMM" if same_year else "d MMM y"
    text: str = format_date(value, pattern, locale=style.babel)
    return text


def quarter(label: str, pipeline: str = "") -> str:
    """A quarter's label for people: 2026-Q3 is Q3 2026, FY2026-Q3 is Q3 FY26.

    With the name of a pipeline, where one has to be named: Q3 2026 (Partners).
    """
    if pipeline:
        text = gettext("{quarter} ({pipeline})")
        return text.format(quarter=quarter(label), pipeline=pipeline)
    year, _, q = label.partition("-Q")
    if year.startswith("FY"):
        return gettext("Q{n} FY{year}").format(n=q, year=year[-2:])
    return gettext("Q{n} {year}").format(n=q, year=year)


def quarter_short(label: str) -> str:
    """The same on an axis: Q3 26."""
    year, _, q = label.partition("-Q")
    return gettext("Q{n} {year}").format(n=q, year=year[-2:])
