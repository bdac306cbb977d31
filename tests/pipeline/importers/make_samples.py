"""Writes samples/: eight made-up deals of an invented company, in the dialects that exports speak.

Run it after changing a deal: `python -m tests.pipeline.importers.make_samples`. The first five
files hold the same deals; test_dialects.py holds them to one reading.
"""

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"

# id, rep, product, account, stage, opened, closed, value
DEALS = (
    ("T-01", "Ada Quist", "Starter", "Birch & Sons", "Won", "2025-01-14", "2025-03-03", "1250.00"),
    ("T-02", "Bo Lind", "GTXPro", "Cedar, Inc.", "Won", "2025-02-03", "2025-04-30", "14500.50"),
    ("T-03", "Ada Quist", "Starter", "Dogwood", "Lost", "2025-02-28", "2025-03-09", "0.00"),
    (
        "T-04",
        "Cy \u00d8rsted",
        "Plus",
        "\u00c9rable SARL",
        "Lost",
        "2025-03-05",
        "2025-06-30",
        "0.00",
    ),
    ("T-05", "Bo Lind", "Plus", "", "Engaging", "2025-04-01", "", ""),
    ("T-06", "Ada Quist", "GTXPro", "Fir", "Engaging", "2025-05-17", "", "980.00"),
    ("T-07", "Cy \u00d8rsted", "Starter", "", "Prospecting", "", "", ""),
    ("T-08", "Bo Lind", "Plus", "Birch & Sons", "Won", "2025-06-11", "2025-06-11", "75.00"),
)
PLAIN = (
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date",
    "close_date", "close_value",
)  # fmt: skip
RENAMED = (
    "Opportunity ID", "Opportunity Owner", "Product", "Account Name", "Stage", "Engage Date",
    "Close Date", "Amount",
)  # fmt: skip


def _delimited(rows: list[tuple[str, ...]], *, delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def _european(value: str) -> str:
    if not value:
        return ""
    whole, cents = f"{Decimal(value):,.2f}".split(".")
    return f"{whole.replace(',', '.')},{cents} \u20ac"


def _dotted(day: str) -> str:
    return f"{date.fromisoformat(day):%d.%m.%Y}" if day else ""


def _american(day: str) -> str:
    if not day:
        return ""
    d = date.fromisoformat(day)
    return f"{d.month}/{d.day}/{d.year}"


def _cased(index: int, stage: str) -> str:
    return (stage, stage.upper(), stage.lower() + " ")[index % 3]


def workbook() -> bytes:
    """The deals as true dates and numbers."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Deals"
    sheet.append(PLAIN)
    for row in DEALS:
        days = [datetime.fromisoformat(day) if day else None for day in row[5:7]]
        value = float(row[7]) if row[7] else None
        sheet.append([*(text or None for text in row[:5]), *days, value])
    book.create_sheet("Notes").append(["Nothing to see", "here"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def samples() -> dict[str, bytes]:
    rows = list(DEALS)
    files = {
        "plain_crlf.csv": _delimited([PLAIN, *rows]).encode(),
        "american_lf.csv": _delimited(
            [PLAIN, *((*r[:5], _american(r[5]), _american(r[6]), r[7]) for r in rows)], end="\n"
        ).encode(),
        "european_semicolon_bom.csv": _delimited(
            [PLAIN, *((*r[:5], _dotted(r[5]), _dotted(r[6]), _european(r[7])) for r in rows)],
            delimiter=";",
        ).encode("utf-8-sig"),
        "renamed_utf16_tab.txt": _delimited(
            [
                RENAMED,
                *(
                    (
                        *r[:4],
                        _cased(n, r[4]),
                        _american(r[5]),
                        _american(r[6]),
                        f"${Decimal(r[7]):,.2f}" if r[7] else "",
                    )
                    for n, r in enumerate(rows)
                ),
            ],
            delimiter="\t",
        ).encode("utf-16"),
        "workbook.xlsx": workbook(),
        "latin1.csv": _delimited([PLAIN, *rows]).encode("cp1252"),
    }
    files["hubspot.csv"] = _delimited(
        [
            (
                "Record ID", "Deal Name", "Deal Stage", "Pipeline", "Amount", "Currency",
                "Close Date", "Create Date", "Deal owner", "Closed Lost Reason",
                "Original Traffic Source", 'Date entered "Contract Sent (Coaching)"',
            ),
            ("901", "Maple, renewal", "Closed Won", "Coaching", "2400", "EUR",
             "2025-03-31 16:20", "2025-01-07 09:05", "ada@example.com", "", "Organic Search",
             "2025-03-20 10:00"),
            ("902", "Oak", "Closed Lost", "Coaching", "900", "EUR", "2025-02-14 11:00",
             "2025-01-30 14:45", "bo@example.com", "went quiet", "Offline Sources", ""),
            ("903", "Pine", "Contract Sent", "Coaching", "", "EUR", "2026-12-31 00:00",
             "2025-02-02 08:00", "bo@example.com", "", "Organic Search", "2025-03-01 09:00"),
        ]
    ).encode()  # fmt: skip
    files["salesforce_report.csv"] = (
        "Open and closed opportunities\r\nAs of 2025-07-01 09:00\r\n\r\n"
        + _delimited(
            [
                ("Opportunity Owner", "Account Name", "Opportunity Name", "Stage",
                 "Fiscal Period", "Amount Currency", "Amount", "Amount (converted) Currency",
                 "Amount (converted)", "Age", "Close Date", "Created Date", "Lead Source"),
                ("Ada Quist", "Rowan", "Rowan 2025", "Closed Won", "Q1-2025", "GBP", "1,100.00",
                 "EUR", "1,300.00", "40", "25/02/2025", "16/01/2025", "Referral"),
                ("Bo Lind", "Sorrel", "Sorrel pilot", "Proposal/Price Quote", "Q3-2025", "EUR",
                 "700.00", "EUR", "700.00", "90", "30/09/2025", "02/04/2025", ""),
            ]
        )
        + 'Total,,,,,,"1,800.00",,"2,000.00",,,,\r\nConfidential,,,,,,,,,,,,\r\n'
    ).encode()  # fmt: skip
    files["pipedrive.csv"] = _delimited(
        [
            ("Deal - ID", "Deal - Title", "Deal - Owner", "Deal - Value",
             "Deal - Currency of Value", "Deal - Organization", "Deal - Pipeline", "Deal - Stage",
             "Deal - Status", "Deal - Deal created", "Deal - Last stage change",
             "Deal - Won time", "Deal - Lost time", "Deal - Lost reason",
             "Deal - Source channel", "Deal - Expected close date"),
            ("41", "Teak", "Ada Quist", "500", "EUR", "Teak Oy", "Coaching", "Proposal Made",
             "Lost", "2025-01-10 08:00:00", "2025-01-20 12:00:00", "", "2025-02-01 15:30:00",
             "price", "Webinar", ""),
            ("42", "Ulmus", "Bo Lind", "800", "EUR", "Ulmus AB", "Coaching", "Negotiations Started",
             "Won", "2025-01-12 10:00:00", "2025-03-01 09:00:00", "2025-03-04 17:00:00", "", "",
             "Cold call", ""),
            ("43", "Vine", "Bo Lind", "", "EUR", "", "Coaching", "Qualified", "Open",
             "2025-04-02 10:00:00", "", "", "", "", "Webinar", "2026-01-31"),
        ]
    ).encode()  # fmt: skip
    return files


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    for name, data in samples().items():
        (SAMPLES / name).write_bytes(data)
