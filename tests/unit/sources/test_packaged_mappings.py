"""Each mapping that comes with the package reads the export that it is for."""

from __future__ import annotations

import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.sources.mapping_file import packaged_mappings

TIME = 1_760_000_000_000
PACKAGED = {
    "uci_online_retail": (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        '536365,85123A,"WHITE HANGING HEART, T-LIGHT",6,12/1/2010 8:26,2.55,17850,United Kingdom\n'
        "C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527,United Kingdom\n",
        [("536365", "SALE", 15.3, 1_291_191_960_000), ("C536379", "REFUND", 27.5, 1_291_196_460_000)],
    ),
    "square_items": (
        "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,"
        "Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Customer ID\n"
        "10/09/25,08:53:20,UTC,Tea,Tea,1.0,Regular,SKU-1,,$9.50,$0.00,$9.50,$0.00,TX1,P1,Till,,,Payment,Main,\n"
        "10/09/25,08:54:20,UTC,Tea,Tea,-1.0,Regular,SKU-1,,-$9.50,$0.00,-$9.50,$0,TX2,P2,T,,,Refund,Main,\n",
        [("TX1", "SALE", 9.5, TIME), ("TX2", "REFUND", 9.5, TIME + 60_000)],
    ),
    "shopify_orders": (
        "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,"
        "Lineitem discount,Payment Method,Location,Employee,Device ID,Source\n"
        "#1001,a@b.example,paid,2025-10-09 10:53:20 +0200,2,Tea,4.75,TEA-1,0.00,Shopify Payments,,,,web\n",
        [("#1001", "SALE", 9.5, TIME)],
    ),
    "shopify_refunds": (
        "Hour,Order name,Product variant SKU,Product title,Customer email,Net items sold,Net sales\n"
        "2025-10-09 08:00,#1001,TEA-1,Tea,a@b.example,2,9.50\n"
        "2025-10-10 09:00,#1001,TEA-1,Tea,a@b.example,-1,-4.75\n",
        [("#1001", "SALE", 9.5, TIME - 3_200_000), ("#1001", "REFUND", 4.75, TIME + 86_800_000)],
    ),
    "loyverse": (
        "Date,Receipt number,Receipt type,Category,SKU,Item,Quantity,Gross sales,Discounts,Net sales,POS,"
        "Store,Cashier name,Customer name,Customer contacts,Status\n"
        "10/09/25 08:53 AM,1-1001,Sale,Tea,10001,Tea,1,9.50,0.00,9.50,POS 1,Main,Anna,,,Closed\n"
        "10/09/25 08:54 AM,1-1002,Refund,Tea,10001,Tea,-1,-9.50,0.00,-9.50,POS 1,Main,Anna,,,Closed\n",
        [("1-1001", "SALE", 9.5, TIME - 20_000), ("1-1002", "REFUND", 9.5, TIME + 40_000)],
    ),
    "woocommerce": (
        "Order Number,Order Status,Order Date,Email (Billing),Payment Method Title,SKU,Item Name,"
        "Quantity (- Refund),Item Cost\n"
        "91,Completed,2025-10-09 08:53,a@b.example,Card,TEA-1,Tea,2,4.75\n"
        "92,Refunded,2025-10-09 08:54,a@b.example,Card,TEA-1,Tea,1,4.75\n",
        [("91", "SALE", 9.5, TIME - 20_000), ("92", "REFUND", 4.75, TIME + 40_000)],
    ),
    "odoo_pos": (
        "Order Ref,Order/Date,Order/Cashier,Order/Session/Point of Sale,Order/Session,"
        "Product/Internal Reference,Product,Quantity,Unit Price,Subtotal,Refunded Order Line/Order Ref\n"
        "Main/0001,2025-10-09 08:53:20,Anna,Main,POS/1,TEA-1,Tea,1.0,9.5,9.5,\n"
        "Main/0002,2025-10-09 08:54:20,Anna,Main,POS/1,TEA-1,Tea,-1.0,9.5,-9.5,Main/0001\n",
        [("Main/0001", "SALE", 9.5, TIME), ("Main/0002", "REFUND", 9.5, TIME + 60_000)],
    ),
}  # fmt: skip


def test_each_packaged_mapping_has_a_test():
    assert sorted(PACKAGED) == packaged_mappings()


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_mapping_reads_the_export_it_is_for(tmp_path, name):
    text, expected = PACKAGED[name]
    (tmp_path / "export.csv").write_text(text)
    events = ra.load(tmp_path / "export.csv", mapping=name)
    found = [
        (event.transaction_id, event.event_type, event.amount, event.event_time)
        for event in events
        if isinstance(event, PosEvent)
    ]
    assert found == expected
    assert events.summary.unreadable == 0


def test_an_order_of_shopify_that_was_voided_or_is_not_paid_is_no_sale(tmp_path):
    head = PACKAGED["shopify_orders"][0].partition("\n")[0]
    lines = [
        f"#{number},{'' if place else 'a@b.example'},{'' if place else status},2025-10-09 10:53:20,1,Tea,"
        f"4.75,TEA-{place},0,{'' if place else 'Card'},,,,{'' if place else 'web'}"
        for number, status in enumerate(["paid", "voided", "refunded", "pending"])
        for place in range(2)
    ]
    (tmp_path / "orders.csv").write_text("\n".join([head, *lines]) + "\n")
    loaded = ra.load(tmp_path / "orders.csv", mapping="shopify_orders")
    events = [event for event in loaded if isinstance(event, PosEvent | TillEvent)]
    assert [(event.event_type, event.tender) for event in events] == [
        (kind, "Card") for kind in ("SALE", "voided", "SALE", "pending") for _ in range(2)
    ]
    assert {event.store_id for event in events} == {"web"}


def test_a_return_of_shopify_meets_the_sale_of_its_order(tmp_path):
    text, _ = PACKAGED["shopify_refunds"]
    (tmp_path / "sales.csv").write_text(text + "2025-10-11 09:00,#1001,TEA-1,Tea,a@b.example,-2,-9.50\n")
    result = ra.replay(tmp_path / "sales.csv", mapping="shopify_refunds")
    assert set(result.alerts["type"]) == {"REFUND_MISMATCH"}  # two were sold, and three come back
