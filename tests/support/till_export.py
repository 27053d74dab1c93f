"""Receipts of a till as rows of DSFinV-K tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

NOON = "2026-03-02T12:00:00+01:00"
NOON_MS = 1_772_449_200_000


@dataclass
class ExportedTill:
    """Collects receipts; `tables` are their rows."""

    till: str = "K1"
    place: str = "Berlin 1"
    taxonomy: str = "2.4"
    tables: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def closing(self, number: int, made: str = "2026-03-02T20:00:00+01:00", day: str = "") -> None:
        key = self._key(number, made)
        self.tables["cashpointclosing.csv"].append(
            {**key, "Z_BUCHUNGSTAG": day, "TAXONOMIE_VERSION": self.taxonomy, "NAME": "Shops GmbH"}
        )
        self.tables["location.csv"].append({**key, "LOC_NAME": self.place})

    def receipt(
        self,
        number: str,
        *lines: dict[str, Any],
        closing: int = 1,
        kind: str = "Beleg",
        end: str = NOON,
        void: bool = False,
        cashier: str = "c-1",
        pays: str | None = "Bar",
        total: float | None = None,
        refers: tuple[str, int, str] | None = None,
        **head: Any,
    ) -> None:
        """Add a receipt; a line is made by `line`. `refers` is till, closing and number of another one."""
        key = self._key(closing) | {"BON_ID": number}
        summed = round(sum(line["gross"] for line in lines), 2) if total is None else total
        self.tables["transactions.csv"].append(
            key
            | {"BON_NR": number, "BON_TYP": kind, "BON_STORNO": int(void), "BON_START": end, "BON_ENDE": end}
            | {"BEDIENER_ID": cashier, "BEDIENER_NAME": "Somebody", "UMS_BRUTTO": summed}
            | head
        )
        for place, line in enumerate(lines, 1):
            row = key | {"POS_ZEILE": place}
            self.tables["lines.csv"].append(row | line["row"])
            for rate, gross in enumerate(line["split"], 1):
                self.tables["lines_vat.csv"].append(row | {"UST_SCHLUESSEL": rate, "POS_BRUTTO": gross})
            if line["discount"]:
                self.tables["itemamounts.csv"].append(
                    row | {"TYP": "discount", "PF_BRUTTO": -line["discount"]}
                )
        if pays:
            self.tables["datapayment.csv"].append(
                key | {"ZAHLART_TYP": pays, "ZAHLWAEH_CODE": "EUR", "BASISWAEH_BETRAG": summed}
            )
        if refers:
            self.refer(number, *refers, closing=closing)

    def refer(
        self,
        number: str,
        till: str,
        their_closing: int,
        their_number: str,
        closing: int = 1,
        place: str = "",
        kind: str = "Transaktion",
    ) -> None:
        self.tables["references.csv"].append(
            self._key(closing)
            | {"BON_ID": number, "POS_ZEILE": place, "REF_TYP": kind, "REF_Z_KASSE_ID": till}
            | {"REF_Z_NR": their_closing, "REF_BON_ID": their_number}
        )

    def _key(self, closing: int, made: str = "") -> dict[str, Any]:
        return {"Z_KASSE_ID": self.till, "Z_ERSTELLUNG": made, "Z_NR": closing}


def line(
    sku: str,
    gross: float,
    quantity: float = 1,
    *,
    kind: str = "Umsatz",
    void: bool = False,
    split: tuple[float, ...] | None = None,
    discount: float = 0,
    **row: Any,
) -> dict[str, Any]:
    """A line; `split` are its gross amounts by rate of tax, where there are several."""
    price = {"MENGE": quantity, "FAKTOR": 1, "STK_BR": round(gross / (quantity or 1), 5)}
    return {
        "gross": gross,
        "split": split or (gross,),
        "discount": discount,
        "row": {"GV_TYP": kind, "P_STORNO": int(void), "ART_NR": sku, "ARTIKELTEXT": f"Goods {sku}"}
        | price
        | row,
    }
