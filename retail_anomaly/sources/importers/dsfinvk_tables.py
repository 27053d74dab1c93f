"""The receipts of DSFinV-K exports, in a database on disk: each is in several tables, and there are many."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.sources.importers import dsfinvk_sql as sql
from retail_anomaly.sources.importers.dsfinvk_places import sums, without_copies
from retail_anomaly.sources.importers.dsfinvk_receipt import Head, ReceiptLine, Reference, is_receipt
from retail_anomaly.sources.importers.export_files import ExportError, ExportFiles
from retail_anomaly.sources.importers.gdpdu import GdpduTable, rows
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.times import read_moment

# The name of each table's file in the standard, by that and by its name in index.xml.
_KINDS: Final = {
    name: names[0]
    for names in (
        ("transactions", "bonkopf"),
        ("lines", "bonpos"),
        ("lines_vat", "bonpos_ust"),
        ("itemamounts", "bonpos_preisfindung"),
        ("datapayment", "bonkopf_zahlarten"),
        ("references", "bon_referenzen"),
        ("location", "stamm_orte"),
        ("cashpointclosing", "stamm_abschluss"),
    )
    for name in names
}
# A table in several files: lines_1.csv, lines-2.csv, lines (3).csv.
_PART: Final = re.compile(r"[ _.-]*\(?\d+\)?$")
_KEY: Final = ("Z_KASSE_ID", "Z_NR", "BON_ID")
_HEAD: Final = (
    *_KEY,
    "BON_TYP",
    "BON_STORNO",
    "BON_START",
    "BON_ENDE",
    "BEDIENER_ID",
    "BEDIENER_NAME",
    "UMS_BRUTTO",
    "KUNDE_ID",
)
_LINE: Final = (
    "POS_ZEILE",
    "GV_TYP",
    "P_STORNO",
    "ART_NR",
    "GTIN",
    "ARTIKELTEXT",
    "MENGE",
    "FAKTOR",
    "STK_BR",
    "GUTSCHEIN_NR",
)
_LINK: Final = ("POS_ZEILE", "REF_TYP", "REF_Z_KASSE_ID", "REF_Z_NR", "REF_BON_ID")
# Rows of one receipt that are held in memory while they are read.
_MOST_TOGETHER: Final = 1_000
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NO_DECIMALS: Final = re.compile(r"[.,]0*$")
_YES: Final = frozenset({"1", "true", "wahr", "ja", "j", "yes", "y", "x"})
_NO: Final = frozenset({"", "0", "false", "falsch", "nein", "n", "no"})

_ENCODER: Final = msgspec.json.Encoder()
_LINES: Final = msgspec.json.Decoder(ReceiptLine).decode_lines
_AMOUNTS: Final = msgspec.json.Decoder(tuple[str, float | None]).decode_lines
_PAYMENTS: Final = msgspec.json.Decoder(tuple[str, float]).decode_lines
_LINKS: Final = msgspec.json.Decoder(tuple[str, str, str]).decode_lines

_Row: TypeAlias = tuple[Any, ...]
_Read: TypeAlias = Callable[[list[str]], _Row | None]
"""Makes a row of the database of a table's row; None for one that is passed over."""
Zones: TypeAlias = Callable[[str], ZoneInfo]
"""Returns the time zone of a store."""


class Receipts:
    """The receipts of exports, in a database in a folder.

    Parameters
    ----------
    folder
        Where the database is written; whoever made the folder removes it.
    zone
        The time zone of a store.
    store
        The id of the store; None: as the export names the place of each till.
    report
        Told of each row that is not read.
    """

    def __init__(self, folder: Path, zone: Zones, store: str | None, report: ImportReport) -> None:
        self._data = sqlite3.connect(folder / "receipts.sqlite", isolation_level=None)
        self._data.executescript(sql.SCHEMA)
        self._zone = zone
        self._store = store
        self._report = report
        self._export = 0
        self._days: dict[tuple[str, str], str] = {}
        self._places: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def add(self, export: ExportFiles, tables: Sequence[GdpduTable], place: str) -> None:
        """Read an export.

        Parameters
        ----------
        export
            Its files.
        tables
            The tables that its `index.xml` lists.
        place
            The export, as errors name it.

        Raises
        ------
        ExportError
            It has no receipts (transactions.csv) or no lines (lines.csv).
        """
        self._export += 1
        self._days, self._places = {}, {}
        found = _by_kind(tables)
        for needed in ("transactions", "lines"):
            if not found[needed]:
                listed = ", ".join(PurePosixPath(table.file).name for table in tables)
                raise ExportError(f"{place}: expected a table {needed}.csv, it lists {listed}")
        # Closings and places first: a receipt's time needs its store's zone.
        for table in found["location"]:
            self._read_places(export, table)
        for table in found["cashpointclosing"]:
            self._read_closings(export, table)
        self._data.execute("BEGIN")
        for table in found["transactions"]:
            self._data.executemany(sql.INSERTS["heads"], self._heads(export, table))
        for kind, (target, columns, reader) in {
            "lines": ("lines", _LINE, self._line_of),
            "lines_vat": ("gross", ("POS_ZEILE", "POS_BRUTTO"), self._gross_of),
            "itemamounts": ("discounts", ("POS_ZEILE", "TYP", "PF_BRUTTO"), self._discount_of),
            "datapayment": ("payments", ("ZAHLART_TYP", "BASISWAEH_BETRAG"), self._payment_of),
            "references": ("links", _LINK, self._link_of),
        }.items():
            for table in found[kind]:
                together = self._together(rows(export, table, (*_KEY, *columns), self._report), reader(table))
                self._data.executemany(sql.INSERTS[target], together)
        self._data.execute("COMMIT")

    def _read_places(self, export: ExportFiles, table: GdpduTable) -> None:
        for till, closing, place in rows(export, table, ("Z_KASSE_ID", "Z_NR", "LOC_NAME"), self._report):
            if place:
                self._places[till, _whole(closing)] = self._places[till, ""] = place

    def _read_closings(self, export: ExportFiles, table: GdpduTable) -> None:
        names = ("Z_KASSE_ID", "Z_NR", "Z_BUCHUNGSTAG", "Z_ERSTELLUNG", "NAME")
        for till, closing, day, made, company in rows(export, table, names, self._report):
            key = till, _whole(closing)
            if company:
                self._places.setdefault(key, self._places.get((till, ""), company))
            # A day needs no zone; the day of a time depends on it.
            moment = read_moment(made, self._zone(self._store_of(*key)))
            if _DAY.fullmatch(day):
                self._days[key] = day
            elif moment is not None:
                self._days[key] = moment.date

    def _heads(self, export: ExportFiles, table: GdpduTable) -> Iterator[_Row]:
        path = PurePosixPath(table.file).name
        for row in rows(export, table, _HEAD, self._report):
            till, closing, number, kind, void, start, end, cashier, name, total, customer = row
            if not till or not number:
                self._report.skip(path, "Z_KASSE_ID or BON_ID is empty")
                continue
            store = self._store_of(till, _whole(closing))
            zone = self._zone(store)
            moment = read_moment(end or start, zone)
            if moment is None:
                self._report.skip(path, "BON_ENDE is no time in ISO 8601")
                continue
            if not is_receipt(kind.lower()):
                self._report.skip(path, f"BON_TYP {kind or 'empty'}")
            if not end:
                self._report.note("receipts without BON_ENDE: their time is BON_START")
            if not moment.zoned:
                self._report.note(f"times without a zone: read as {zone.key}")
            yield (
                self._export,
                _receipt(till, closing, number),
                kind.lower(),
                self._is_set(path, "BON_STORNO", void),
                moment.time,
                self._days.get((till, _whole(closing))) or moment.date,
                cashier or name,
                table.number(total, "UMS_BRUTTO") if total else None,
                customer,
                till,
                store,
            )

    def _together(self, found: Iterator[list[str]], read: _Read) -> Iterator[_Row]:
        """Yield the rows of each receipt that stand together, as one row of the database."""
        for key, group in groupby(found, key=itemgetter(0, 1, 2)):
            receipt = _receipt(*key)
            while part := list(islice(group, _MOST_TOGETHER)):
                kept = [row for row in map(read, part) if row is not None]
                if kept:
                    yield self._export, receipt, len(kept), _ENCODER.encode_lines(kept).decode()

    def _line_of(self, table: GdpduTable) -> _Read:
        number = self._number_of(table)
        path = PurePosixPath(table.file).name

        def read(row: list[str]) -> _Row:
            _, _, _, place, kind, void, article, gtin, words, quantity, factor, unit, voucher = row
            return (
                place,
                kind,
                self._is_set(path, "P_STORNO", void),
                article,
                gtin,
                words,
                number("MENGE", quantity),
                number("FAKTOR", factor),
                number("STK_BR", unit),
                voucher,
            )

        return read

    def _gross_of(self, table: GdpduTable) -> _Read:
        number = self._number_of(table)
        return lambda row: (row[3], number("POS_BRUTTO", row[4]))

    def _discount_of(self, table: GdpduTable) -> _Read:
        number = self._number_of(table)
        return lambda row: (row[3], number("PF_BRUTTO", row[5])) if row[4].lower() == "discount" else None

    def _payment_of(self, table: GdpduTable) -> _Read:
        number = self._number_of(table)
        return lambda row: (row[3], number("BASISWAEH_BETRAG", row[4]) or 0.0)

    def _link_of(self, table: GdpduTable) -> _Read:
        path = PurePosixPath(table.file).name

        def read(row: list[str]) -> _Row | None:
            till, closing, _, place, kind, their_till, their_closing, their_bon = row
            if kind.lower().startswith("extern") or not their_bon:
                self._report.skip(path, f"REF_TYP {kind}" if their_bon else "REF_BON_ID is empty")
                return None
            return (
                place,
                _receipt(their_till or till, their_closing or closing, their_bon),
                their_till or till,
            )

        return read

    def _is_set(self, path: str, column: str, text: str) -> bool:
        """Tell whether a flag is set; some tills write it as a number with decimals."""
        word = _NO_DECIMALS.sub("", text.lower())
        if word not in _YES and word not in _NO:
            self._report.skip(path, f"{column} is neither 0 nor 1")
        return word in _YES

    def _number_of(self, table: GdpduTable) -> Callable[[str, str], float | None]:
        """Return a function from a column's name and text to its number."""
        path = PurePosixPath(table.file).name
        read = lru_cache(maxsize=10_000)(table.number)

        def number(column: str, text: str) -> float | None:
            if not text:
                return None
            found = read(text, column)
            if found is None:
                self._report.skip(path, f"{column} is no number as index.xml says (decimal {table.decimal})")
            return found

        return number

    def _store_of(self, till: str, closing: str) -> str:
        if self._store is not None:
            return self._store
        place = self._places.get((till, closing)) or self._places.get((till, ""))
        return place or till

    def each(self) -> Iterator[tuple[Head, list[ReceiptLine], list[tuple[str, float]], list[Reference]]]:
        """Yield each receipt once with its lines, payments and references, in order of time."""
        self._data.executescript(sql.INDEXES)
        self._tell_of_orphans()
        for row in self._data.cursor().execute(sql.HEADS):
            *head, lines, gross, discounts, payments, links = row
            yield (
                Head._make(head),
                self._with_sums(_LINES(lines or ""), gross, discounts),
                _PAYMENTS(payments or ""),
                [self._reference(*link) for link in _LINKS(links or "")],
            )

    def _with_sums(
        self, lines: list[ReceiptLine], gross: str | None, discounts: str | None
    ) -> list[ReceiptLine]:
        """Give each line the sums of its gross amounts and of its discounts."""
        copies: Mapping[str, int] = {}
        if len({line.place for line in lines}) < len(lines):
            lines, copies = without_copies(lines, self._report)
        if gross is not None:
            totals = sums(_AMOUNTS(gross), copies)
            for line in lines:
                line.gross = totals.get(line.place)
        if discounts is not None:
            totals = sums(_AMOUNTS(discounts), copies)
            for line in lines:
                line.discount = totals.get(line.place)
        return lines

    def _reference(self, place: str, original: str, till: str) -> Reference:
        kind = self._data.execute(sql.KIND, (original,)).fetchone()
        lines = [line for (part,) in self._data.execute(sql.LINES, (original,)) for line in _LINES(part)]
        articles = frozenset(line.article or line.gtin or line.words for line in lines)
        return Reference(place, original, till, kind[0] if kind else "", articles)

    def _tell_of_orphans(self) -> None:
        (repeated,) = self._data.execute(sql.REPEATED).fetchone()
        if repeated:
            self._report.note("receipts that stand in the exports twice: read once", repeated)
        for path, query in sql.ORPHANS.items():
            (orphans,) = self._data.execute(query).fetchone()
            if orphans:
                self._report.skip(path, "rows without a receipt in transactions.csv", orphans)


def _by_kind(tables: Sequence[GdpduTable]) -> defaultdict[str, list[GdpduTable]]:
    """Return the tables by the name of the standard; a table in parts has several."""
    found: defaultdict[str, list[GdpduTable]] = defaultdict(list)
    for table in tables:
        stems = (PurePosixPath(table.file).stem.lower(), table.name.lower())
        names = [name for stem in stems for name in (stem, _PART.sub("", stem))]
        kind = next((_KINDS[name] for name in names if name in _KINDS), None)
        if kind is not None:
            found[kind].append(table)
    return found


def _receipt(till: str, closing: str, number: str) -> str:
    return f"{till}/{_whole(closing)}/{number}"


@lru_cache(maxsize=10_000)
def _whole(closing: str) -> str:
    """Return the number of a closing as all tables have it: ``0012`` and ``12,0`` are 12."""
    whole = _NO_DECIMALS.sub("", closing).lstrip("0")
    return whole or closing
