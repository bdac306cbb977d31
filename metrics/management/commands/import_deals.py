"""`manage.py import_deals --slug S FILE...`: deals from a CSV or XLSX export of a sales tool.

Prints how every file was read. Good rows go in, all in one transaction with the recomputation;
rejected rows are written to a CSV that can be corrected and imported again. A second import of
the same file changes nothing.
"""

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.selectors.companies import company_by_slug, company_id_of
from accounts.services.companies import create_company
from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all
from pipeline.importers import columns
from pipeline.importers.batch import Batch, plan_batch
from pipeline.importers.days import Order
from pipeline.importers.deals import parse_deals
from pipeline.importers.grid import ImportRefused, Limits
from pipeline.importers.parsed import Options, ParsedFile
from pipeline.importers.rejected import rejected_csv
from pipeline.importers.report import batch_lines, reading_lines
from pipeline.importers.table import read_bytes, read_table
from pipeline.services.bulk import relax_limits
from pipeline.services.import_deals import FileSeen, Imported, import_deals, known_stages

_RENAMED = ("name", "customer", "rep", "team", "source", "product", "lost_reason", "competitor")
_ORDERS: dict[str, Order] = {"day-first": "day_first", "month-first": "month_first"}
_LEVELS = ("competitor", "no_decision", "other", "unknown")


class Command(BaseCommand):
    help = "Import deals from CSV or XLSX files with one row a deal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("files", nargs="+", type=Path, metavar="FILE")
        add("--slug", required=True, help="the company")
        add("--create", metavar="NAME", help="make the company if there is none of that slug")
        add("--velocity-number", choices=Company.VelocityNumber.values, help="of a company made")
        add("--velocity-cycle", choices=Company.VelocityCycle.values, help="of a company made")
        add("--dry-run", action="store_true", help="say what would happen, write nothing")
        add("--rejected", type=Path, metavar="PATH", help="where rejected rows are written")
        several: dict[str, Any] = {"action": "append", "default": []}
        add("--map", metavar="FIELD=HEADING", help="'amount=Net value', 'amount=#7'", **several)
        add("--stage-map", metavar="THEIRS=OURS", help="'Negotiating=Offer'", **several)
        add("--stages", metavar="A,B,C", help="open stages in order, for a new pipeline")
        add("--pipeline", metavar="NAME", help="all deals go into this pipeline")
        add("--rename", metavar="FIELD:OLD=NEW", help="'source:avito=Avito'", **several)
        add("--source-channel", metavar="SOURCE=inbound|outbound", **several)
        add("--reason-level", metavar="REASON=LEVEL", help=" or ".join(_LEVELS), **several)
        order = parser.add_mutually_exclusive_group()
        order.add_argument("--day-first", action="store_true", help="03/04 is the 3rd of April")
        order.add_argument("--month-first", action="store_true", help="03/04 is the 4th of March")
        add("--date-order", metavar="HEADING=day-first|month-first", **several)
        add("--decimal-mark", choices=[".", ","])
        add("--currency", metavar="CODE", help="of amounts that name none; the company's else")
        add("--timezone", metavar="ZONE", help="of times that name none; the company's else")
        add("--open-undated-at", metavar="DAY", help="open deals without a day begin on this one")
        add("--as-of", metavar="ISO", help='an instant that stands for "now" from here on')
        add("--system", metavar="NAME", help="where the ids come from, if not recognised")
        add("--sheet", metavar="NAME", help="the sheet of a workbook")
        add("--encoding", help="e.g. windows-1251")
        add("--delimiter", help="one character, or tab")
        add("--limit", type=int, metavar="ROWS", help="more rows than the usual 200,000")

    def handle(self, *args: Any, **told: Any) -> None:
        try:
            self._import(told)
        except ImportRefused as refused:
            raise CommandError(f"{_plain(refused.sentence)} Nothing was imported.") from None
        except DomainError as refused:
            raise CommandError(f"{_plain(refused.sentence)} Nothing was imported.") from None

    def _import(self, told: dict[str, Any]) -> None:
        now = timezone.now()
        dry_run: bool = told["dry_run"]
        limits = _limits(told["limit"])
        contents = [(path, read_bytes(path, limits=limits)) for path in told["files"]]
        with transaction.atomic():
            relax_limits()  # a large file is read while the transaction waits
            company = self._company(told, now)
            with company_context(company.pk):
                if told["as_of"]:
                    company.as_of = _instant(told["as_of"])
                    Company.objects.filter(pk=company.pk).update(as_of=company.as_of)
                known = known_stages()
                options = _options(told, company, now, known)
                parsed = self._read(contents, told, limits, options)
                batch = plan_batch(
                    parsed,
                    options,
                    known=known,
                    told_order=_list(told["stages"]),
                    pipeline=told["pipeline"],
                )
                self._say(batch_lines(batch))
                self._write_rejected(batch, told)
                if not batch.deals:
                    raise ImportRefused("No row could be imported.")
                imported = import_deals(
                    batch=batch,
                    files=[
                        FileSeen(path.name, sha256(data).hexdigest()) for path, data in contents
                    ],
                    mapping={"columns": dict(options.columns), "stages": dict(options.stage_map)},
                    reason_levels=_pairs(told["reason_level"], "--reason-level", _LEVELS),
                    by=Actor.product("import_deals"),
                    now=now,
                )
                self._say_written(imported, dry_run)
            if dry_run:
                transaction.set_rollback(True)
            elif imported.changed or told["as_of"]:
                quarters = recompute_all(company_id=company.pk, now=now)
                if quarters:
                    first, last = quarters[0].quarter.label, quarters[-1].quarter.label
                    self._say(
                        [f"Figures computed for {len(quarters)} quarters, {first} to {last}."]
                    )

    def _company(self, told: dict[str, Any], now: datetime) -> Company:
        slug: str = told["slug"]
        if told["create"] is None or company_id_of(slug) is not None:
            return company_by_slug(slug)
        if not told["currency"]:
            raise CommandError("--create needs --currency, e.g. --currency EUR.")
        company = create_company(
            slug=slug,
            name=told["create"],
            by=Actor.product("import_deals"),
            now=now,
            timezone=told["timezone"] or "UTC",
            currency=told["currency"].upper(),
            **{
                name: told[name] for name in ("velocity_number", "velocity_cycle") if told.get(name)
            },
        )
        self._say([f"New company: {company.name} ({company.timezone}, {company.currency})."])
        return company

    def _read(
        self,
        contents: list[tuple[Path, bytes]],
        told: dict[str, Any],
        limits: Limits,
        options: Options,
    ) -> list[ParsedFile]:
        parsed: list[ParsedFile] = []
        names = _distinct_names([path for path, _ in contents])
        for (_, data), name in zip(contents, names, strict=True):
            table = read_table(
                data,
                name=name,
                limits=limits,
                heading_score=columns.heading_score,
                encoding=told["encoding"],
                delimiter=told["delimiter"],
                sheet=told["sheet"],
            )
            one = parse_deals(table, options)
            self._say(reading_lines(one))
            parsed.append(one)
        return parsed

    def _write_rejected(self, batch: Batch, told: dict[str, Any]) -> None:
        """Before anything is committed, so that no rejected row can be lost."""
        if not batch.rejected or (told["dry_run"] and not told["rejected"]):
            return
        path: Path = told["rejected"] or _free_path(told["files"][0])
        if any(path.resolve() == file.resolve() for file in told["files"]):
            raise ImportRefused("--rejected names a file that is being imported.")
        try:
            path.write_text(
                rejected_csv(batch.files, batch.rejected), encoding="utf-8-sig", newline=""
            )
        except OSError as error:
            raise ImportRefused(f"{path} cannot be written: {error.strerror}.") from None
        self._say([f"Rejected rows with line, column and reason: {path}"])

    def _say_written(self, imported: Imported, dry_run: bool) -> None:
        written = imported.written
        counts = (
            f"{written.deals_new:,} new deals, {written.deals_changed:,} changed, "
            f"{written.deals_same:,} as before; {written.transitions:,} transitions and "
            f"{written.attributes:,} changed attributes"
        )
        self._say(imported.conflicts)
        if dry_run:
            self._say([f"Dry run, nothing was written. It would be: {counts}."])
        elif imported.changed:
            self._say([f"Imported: {counts}."])
        else:
            self._say([f"Nothing new: {counts}."])

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(_plain(line))


def _plain(text: str) -> str:
    """A line that any terminal can show: headings may hold anything."""
    return "".join(ch if ch.isprintable() or ch == "\n" else "\u00b7" for ch in text)


def _limits(rows: int | None) -> Limits:
    if rows is None:
        return Limits()
    if not 1 <= rows <= 5_000_000:
        raise CommandError("--limit is a number of rows from 1 to 5,000,000.")
    usual = Limits()
    # a file of more rows may be larger in proportion
    return Limits(rows=rows, bytes=max(usual.bytes, rows * 1_000))


def _options(told: dict[str, Any], company: Company, now: datetime, known: Any) -> Options:
    order: Order | None = None
    if told["day_first"] or told["month_first"]:
        order = "day_first" if told["day_first"] else "month_first"
    zone = None
    if told["timezone"]:
        if told["timezone"] not in available_timezones():
            raise CommandError(f"There is no time zone called {told['timezone']}.")
        zone = ZoneInfo(told["timezone"])
    undated = None
    if told["open_undated_at"]:
        try:
            undated = date.fromisoformat(told["open_undated_at"])
        except ValueError:
            raise CommandError("--open-undated-at is a day, e.g. 2026-01-31.") from None
    currency = (told["currency"] or "").upper() or None
    if currency is not None and not (len(currency) == 3 and currency.isascii()):
        raise CommandError("--currency is a code such as EUR.")
    renames = {}
    for key, new in _pairs(told["rename"], "--rename").items():
        name, colon, old = key.partition(":")
        if not colon or name not in _RENAMED:
            raise CommandError(f"--rename is 'field:old=new'; the fields: {', '.join(_RENAMED)}.")
        renames[name, old.strip()] = new
    orders = _pairs(told["date_order"], "--date-order", tuple(_ORDERS))
    system = told["system"]
    if system is not None and not 1 <= len(system.strip()) <= 40:
        raise CommandError("--system is a name of up to 40 characters.")
    clock = company.clock(now)
    if undated is not None and undated > company.local_day(clock):
        raise CommandError("--open-undated-at lies in the future.")
    return Options(
        company_zone=company.zone,
        company_currency=company.currency,
        now=clock,
        file_zone=zone,
        columns=_pairs(told["map"], "--map", may_be_empty=True),
        order=order,
        orders={heading: _ORDERS[word] for heading, word in orders.items()},
        decimal_mark=told["decimal_mark"],
        currency=currency,
        stage_map=_pairs(told["stage_map"], "--stage-map"),
        known_stages=[stage for stages in known.values() for stage in stages],
        renames=renames,
        channels=_pairs(told["source_channel"], "--source-channel", ("inbound", "outbound")),
        open_undated_at=undated,
        system=system.strip() if system else None,
    )


def _pairs(
    items: list[str], option: str, allowed: tuple[str, ...] = (), *, may_be_empty: bool = False
) -> dict[str, str]:
    found = {}
    for item in items:
        # a heading may hold "=", so the value is what follows the last one where it is a word
        key, sign, value = item.rpartition("=") if allowed else item.partition("=")
        key, value = key.strip(), value.strip()
        if not sign or not key or not (value or may_be_empty):
            raise CommandError(f"{option} is written as '...=...', not {item!r}.")
        if allowed and value not in allowed:
            raise CommandError(f"{option} takes {' or '.join(allowed)}, not {value!r}.")
        found[key] = value
    return found


def _instant(text: str) -> datetime:
    try:
        as_of = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is not an instant. Write it as 2026-10-20T09:00:00Z.") from None
    if as_of.tzinfo is None:
        raise CommandError(f"{text} has no time zone. Write it as 2026-10-20T09:00:00Z.")
    return as_of


def _list(text: str | None) -> list[str]:
    return [item.strip() for item in (text or "").split(",") if item.strip()]


def _distinct_names(paths: list[Path]) -> list[str]:
    """File names as the report shows them; the folder is added where two are alike."""
    names = [path.name for path in paths]
    return [str(path) if names.count(path.name) > 1 else path.name for path in paths]


def _free_path(file: Path) -> Path:
    """A name beside nothing: rejected rows of an earlier import are never overwritten."""
    path = Path(f"{file.stem}-rejected.csv")
    number = 2
    while path.exists():
        path = Path(f"{file.stem}-rejected-{number}.csv")
        number += 1
    return path
