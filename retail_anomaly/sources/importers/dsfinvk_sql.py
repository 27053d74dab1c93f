"""The database of the receipts of DSFinV-K exports: its tables, and the questions asked of it."""

from typing import Final

SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32000;
CREATE TABLE heads (
  export INTEGER, receipt TEXT, kind TEXT, void INTEGER, time INTEGER, date TEXT, cashier TEXT, total REAL,
  customer TEXT, till TEXT, store TEXT
);
CREATE TABLE lines (
  export INTEGER, receipt TEXT, place TEXT, kind TEXT, void INTEGER, article TEXT, gtin TEXT, words TEXT,
  quantity REAL, factor REAL, unit REAL, voucher TEXT
);
CREATE TABLE gross (export INTEGER, receipt TEXT, place TEXT, amount REAL);
CREATE TABLE discounts (export INTEGER, receipt TEXT, place TEXT, amount REAL);
CREATE TABLE payments (export INTEGER, receipt TEXT, kind TEXT, amount REAL);
CREATE TABLE links (export INTEGER, receipt TEXT, place TEXT, original TEXT, till TEXT);
"""
INDEXES: Final = """
CREATE INDEX of_line ON lines (receipt, export);
CREATE INDEX of_gross ON gross (receipt, export);
CREATE INDEX of_discount ON discounts (receipt, export);
CREATE INDEX of_payment ON payments (receipt, export);
CREATE INDEX of_link ON links (receipt, export);
CREATE INDEX of_head ON heads (receipt, time);
"""
# By table, as `executemany` takes them.
INSERTS: Final = {
    "heads": "INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "lines": "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "gross": "INSERT INTO gross VALUES (?, ?, ?, ?)",
    "discounts": "INSERT INTO discounts VALUES (?, ?, ?, ?)",
    "payments": "INSERT INTO payments VALUES (?, ?, ?, ?)",
    "links": "INSERT INTO links VALUES (?, ?, ?, ?, ?)",
}
# A receipt may stand in two exports that overlap: the first one counts.
HEADS: Final = """
SELECT export, receipt, kind, void, time, date, cashier, total, customer, till, store FROM heads
WHERE NOT EXISTS (
  SELECT 1 FROM heads AS other
  WHERE other.receipt = heads.receipt AND other.time = heads.time AND other.rowid < heads.rowid
)
ORDER BY time, rowid
"""
LINES: Final = """
SELECT place, kind, void, article, gtin, words, quantity, factor, unit, voucher FROM lines
WHERE receipt = ? AND export = ? ORDER BY rowid
"""
GROSS: Final = "SELECT place, amount FROM gross WHERE receipt = ? AND export = ?"
DISCOUNTS: Final = "SELECT place, amount FROM discounts WHERE receipt = ? AND export = ?"
PAYMENTS: Final = "SELECT kind, amount FROM payments WHERE receipt = ? AND export = ? ORDER BY rowid"
LINKS: Final = "SELECT place, original, till FROM links WHERE receipt = ? AND export = ? ORDER BY rowid"
KIND: Final = "SELECT kind FROM heads WHERE receipt = ? LIMIT 1"
ARTICLES: Final = "SELECT article, gtin, words FROM lines WHERE receipt = ?"

REPEATED: Final = """
SELECT COUNT(*) FROM heads WHERE EXISTS (
  SELECT 1 FROM heads AS other
  WHERE other.receipt = heads.receipt AND other.time = heads.time AND other.rowid < heads.rowid
)
"""
# Rows without a receipt, by the file that they stand in.
ORPHANS: Final = {
    "lines.csv": """
SELECT COUNT(*) FROM lines WHERE NOT EXISTS (
  SELECT 1 FROM heads WHERE heads.receipt = lines.receipt AND heads.export = lines.export
)
""",
    "references.csv": """
SELECT COUNT(*) FROM links WHERE NOT EXISTS (
  SELECT 1 FROM heads WHERE heads.receipt = links.receipt AND heads.export = links.export
)
""",
}
