"""How figures are written, in English and in French."""

from datetime import date, datetime

import pytest
from django.utils import translation

from accounts import formats
from accounts.formats import Style

EN = Style("en", "EUR")
FR = Style("fr", "EUR")
N = "\N{NARROW NO-BREAK SPACE}"
B = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (8466.4, "€8,466", f"8{N}466{B}€"),
        (-156, "−€156", f"−156{B}€"),
        (-0.4, "€0", f"0{B}€"),
        (0, "€0", f"0{B}€"),
        (999.5, "€1,000", f"1{N}000{B}€"),
        (12_345_678, "€12,345,678", f"12{N}345{N}678{B}€"),
    ],
)
def test_money_has_no_decimals_and_a_true_minus(value: float, english: str, french: str) -> None:
    assert formats.money(value, EN) == english
    assert formats.money(value, FR) == french


def test_the_symbol_is_that_of_the_reader() -> None:
    assert formats.money(1234, Style("en_GB", "GBP")) == "£1,234"
    assert formats.money(1234, Style("en_GB", "USD")) == "US$1,234"
    assert formats.money(1234, Style("fr", "USD")) == f"1{N}234{B}$US"
    assert formats.money(1234, Style("de_CH", "CHF")) == f"CHF{B}1’234"
    assert formats.money(1234, Style("ja", "JPY")) == "￥1,234"


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (8000, "€8k", f"8{B}k€"),
        (1_500_000, "€1.5M", f"1,5{B}M€"),
        (-2500, "−€2.5k", f"−2,5{B}k€"),
        (0, "€0", f"0{B}€"),
        (0.25, "€0.25", f"0,25{B}€"),
        (2e12, "€2T", f"2{B}T€"),
    ],
)
def test_only_axes_abbreviate(value: float, english: str, french: str) -> None:
    assert formats.money_short(value, EN) == english
    assert formats.money_short(value, FR) == french


def test_velocity_says_per_day() -> None:
    assert formats.money_per_day(8466, EN) == "€8,466 per day"
    with translation.override("fr"):
        assert formats.money_per_day(8466, FR) == f"8{N}466{B}€ par jour"


@pytest.mark.parametrize(
    ("k", "n", "english", "french"),
    [
        (50, 214, "23.4% (50 of 214)", f"23,4{B}% (50 sur 214)"),
        (100, 100, "100.0% (100 of 100)", f"100,0{B}% (100 sur 100)"),
        (28, 99, "28% (28 of 99)", f"28{B}% (28 sur 99)"),
        (1, 10, "10% (1 of 10)", f"10{B}% (1 sur 10)"),
        (3, 9, "3 of 9", "3 sur 9"),
        (0, 0, "0 of 0", "0 sur 0"),
        (1000, 2500, "40.0% (1,000 of 2,500)", f"40,0{B}% (1{N}000 sur 2{N}500)"),
    ],
)
def test_a_rate_has_the_decimals_its_n_carries(k: int, n: int, english: str, french: str) -> None:
    assert formats.rate_of(k, n, EN) == english
    with translation.override("fr"):
        assert formats.rate_of(k, n, FR) == french


def test_no_rate_under_ten() -> None:
    for n in range(10):
        assert "%" not in formats.rate(0, n, EN)
    assert formats.rate(5, 10, EN) == "50%"


@pytest.mark.parametrize(
    ("share", "english", "french"),
    [
        (0.025, "+2.5 pts", "+2,5 pts"),
        (-0.1, "−10.0 pts", "−10,0 pts"),
        (0.0004, "0.0 pts", "0,0 pts"),
    ],
)
def test_points_always_have_a_sign(share: float, english: str, french: str) -> None:
    assert formats.pts(share, EN) == english
    with translation.override("fr"):
        assert formats.pts(share, FR) == french


@pytest.mark.parametrize(
    ("old", "new", "english"),
    [
        (7182, 8466, "+17.9%"),
        (100, 98, "−2.0%"),
        (100, 100, "0.0%"),
        (1, 20, "+1,900%"),
        (0, 5, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_change(old: float | None, new: float | None, english: str | None) -> None:
    assert formats.change(old, new, EN) == english


def test_change_in_french() -> None:
    assert formats.change(7182, 8466, FR) == f"+17,9{B}%"


def test_days() -> None:
    assert formats.days(87.6, EN) == "88 days"
    assert formats.days(1.2, EN) == "1 day"
    assert formats.days(0, EN) == "0 days"
    assert formats.signed_days(-3, EN) == "−3 days"
    assert formats.signed_days(1, EN) == "+1 day"
    assert formats.signed_days(0, EN) == "0 days"
    with translation.override("fr"):
        assert formats.days(88, FR) == "88 jours"
        assert formats.days(1, FR) == "1 jour"
        assert formats.signed_days(-3, FR) == "−3 jours"


def test_intervals() -> None:
    assert formats.interval((0.18, 0.29), EN) == "95% 18 to 29%"
    assert formats.money_interval((567, 1475), EN) == "95% €567 to €1,475"
    with translation.override("fr"):
        assert formats.interval((0.18, 0.29), FR) == f"95{B}% : 18 à 29{B}%"
        assert formats.money_interval((567, 1475), FR) == f"95{B}% : 567{B}€ à 1{N}475{B}€"


def test_nothing_in_nothing_out() -> None:
    for write in (
        formats.number,
        formats.average,
        formats.money,
        formats.signed_money,
        formats.money_per_day,
        formats.percent,
        formats.pts,
        formats.days,
        formats.signed_days,
        formats.interval,
        formats.money_interval,
        formats.p_value,
        formats.chance,
    ):
        assert write(None, EN) is None


def test_a_chance_never_claims_certainty() -> None:
    assert formats.chance(0.9999, EN) == "99 in 100"
    assert formats.chance(0.0, EN) == "1 in 100"
    assert formats.chance(0.88, EN) == "88 in 100"
    with translation.override("fr"):
        assert formats.chance(0.88, FR) == "88 sur 100"


def test_p_values() -> None:
    assert formats.p_value(0.0042, EN) == "p < 0.01"
    assert formats.p_value(0.04, EN) == "p = 0.04"
    assert formats.p_value(0.04, FR) == "p = 0,04"


def test_averages_keep_one_decimal_while_small() -> None:
    assert formats.average(17.08, EN) == "17.1"
    assert formats.average(169.4, EN) == "169"
    assert formats.average(17.0, EN) == "17"
    assert formats.average(17.08, FR) == "17,1"


def test_dates_have_their_year_unless_it_is_this_one() -> None:
    day = date(2026, 9, 4)
    assert formats.day(day, EN) == "4 Sep 2026"
    assert formats.day(day, EN, today=date(2026, 11, 1)) == "4 Sep"
    assert formats.day(day, EN, today=date(2027, 1, 1)) == "4 Sep 2026"
    assert formats.day(datetime(2026, 9, 4, 23, 0), FR) == "4 sept. 2026"


def test_quarters() -> None:
    assert formats.quarter("2026-Q3") == "Q3 2026"
    assert formats.quarter("FY2026-Q3") == "Q3 FY26"
    assert formats.quarter_short("FY2026-Q3") == "Q3 26"
    with translation.override("fr"):
        assert formats.quarter("2026-Q3") == "T3 2026"
        assert formats.quarter_short("2026-Q3") == "T3 26"


def test_the_readers_language_with_the_companys_region() -> None:
    style = formats.style_for(language="en", company_locale="en-GB", currency="GBP")
    assert style == Style("en_GB", "GBP")
    style = formats.style_for(language="fr", company_locale="en-GB", currency="GBP")
    assert style == Style("fr", "GBP")


@pytest.mark.parametrize("locale", ["xx", "", "en_Nowhere", "not a locale", "fr_XX"])
def test_an_unknown_locale_still_writes_numbers(locale: str) -> None:
    assert "1" in (formats.money(1234, Style(locale, "EUR")) or "")


def test_an_unknown_currency_is_written_by_its_code() -> None:
    assert formats.money(5, Style("en", "XTS")) == "XTS5"
