"""The database of the receipts of DSFinV-K exports: its tables, and the questions asked of it.

Rows of one receipt that stand together in a file are one row here, as lines of JSON: fewer rows are then
written, and a receipt is read by one question.
"""

from typing import Final

SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32000;
CREATE TABLE heads (
  export INTEGER, receipt TEXT, kind TEXT, void INTEGER, time INTEGER, date TEXT, cashier TEXT, total REAL,
  customer TEXT, till TEXT, store TEXT
);
CREATE TABLE lines (export INTEGER, receipt TEXT, size INTEGER, rows TEXT);
CREATE TABLE gross (export INTEGER, receipt TEXT, size INTEGER, rows TEXT);
CREATE TABLE discounts (export INTEGER, receipt TEXT, size INTEGER, rows TEXT);
CREATE TABLE payments (export INTEGER, receipt TEXT, size INTEGER, rows TEXT);
CREATE TABLE links (export INTEGER, receipt TEXT, size INTEGER, rows TEXT);
"""
INDEXES: Final = """
CREATE INDEX of_line ON lines (receipt, export);
CREATE INDEX of_gross ON gross (receipt, export);
CREATE INDEX of_discount ON discounts (receipt, export);
CREATE INDEX of_payment ON payments (receipt, export);
CREATE INDEX of_link ON links (receipt, export);
CREATE INDEX of_head ON heads (receipt, time);
CREATE INDEX by_time ON heads (time);
"""
# By table, as `executemany` takes them.
INSERTS: Final = {
    "heads": "INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "lines": "INSERT INTO lines VALUES (?, ?, ?, ?)",
    "gross": "INSERT INTO gross VALUES (?, ?, ?, ?)",
    "discounts": "INSERT INTO discounts VALUES (?, ?, ?, ?)",
    "payments": "INSERT INTO payments VALUES (?, ?, ?, ?)",
    "links": "INSERT INTO links VALUES (?, ?, ?, ?)",
}
# A receipt may stand in two exports that overlap: the first one counts.
# By the index, for a sort would carry the rows of all receipts along.
HEADS: Final = """
SELECT
  receipt, kind, void, time, date, cashier, total, customer, till, store,
  (
    SELECT group_concat(rows, '') FROM lines
    WHERE lines.receipt = heads.receipt AND lines.export = heads.export
  ),
  (
    SELECT group_concat(rows, '') FROM gross
    WHERE gross.receipt = heads.receipt AND gross.export = heads.export
  ),
  (
    SELECT group_concat(rows, '') FROM discounts
    WHERE discounts.receipt = heads.receipt AND discounts.export = heads.export
  ),
  (
    SELECT group_concat(rows, '') FROM payments
    WHERE payments.receipt = heads.receipt AND payments.export = heads.export
  ),
  (
    SELECT group_concat(rows, '') FROM links
    WHERE links.receipt = heads.receipt AND links.export = heads.export
  )
FROM heads INDEXED BY by_time
WHERE NOT EXISTS (
  SELECT 1 FROM heads AS other
  WHERE other.receipt = heads.receipt AND other.time = heads.time AND other.rowid < heads.rowid
)
ORDER BY time, rowid
"""
KIND: Final = "SELECT kind FROM heads WHERE receipt = ? LIMIT 1"
LINES: Final = "SELECT rows FROM lines WHERE receipt = ?"

REPEATED: Final = """
SELECT COUNT(*) FROM heads WHERE EXISTS (
  SELECT 1 FROM heads AS other
  WHERE other.receipt = heads.receipt AND other.time = heads.time AND other.rowid < heads.rowid
)
"""
# Rows without a receipt, by the file that they stand in.
ORPHANS: Final = {
    "lines.csv": """
SELECT COALESCE(SUM(size), 0) FROM lines WHERE NOT EXISTS (
  SELECT 1 FROM heads WHERE heads.receipt = lines.receipt AND heads.export = lines.export
)
""",
    "references.csv": """
SELECT COALESCE(SUM(size), 0) FROM links WHERE NOT EXISTS (
  SELECT 1 FROM heads WHERE heads.receipt = links.receipt AND heads.export = links.export
)
""",
}
