"""What the demo sells and who supplies it: twelve products, two suppliers, one kit, one product both suppliers offer.

Money is integer minor units of ``CURRENCY``. The store sells ``LISTINGS``; a kit is a listing of several products.
"""

from __future__ import annotations

import msgspec

CURRENCY = "USD"
SUPPLIERS = ("ACME", "NOVA")
SHIPPING_RATES: dict[str, int] = {"Free Shipping": 0, "Flat rate": 595, "Express": 1495}


class DemoProduct(msgspec.Struct, frozen=True):
    """A product under our own SKU, with its price in the store and its weight in grams."""

    sku: str
    title: str
    price: int
    grams: int


class DemoOffer(msgspec.Struct, frozen=True):
    """What one supplier calls a product, takes for it and has of it. The lower ``priority`` is asked first."""

    supplier: str
    supplier_sku: str
    sku: str
    cost: int
    stock: int
    priority: int = 1


class DemoKit(msgspec.Struct, frozen=True):
    """Several products sold as one. ``components`` are (product SKU, quantity in one kit)."""

    sku: str
    title: str
    price: int
    components: tuple[tuple[str, int], ...]


class DemoMethod(msgspec.Struct, frozen=True):
    """A shipping method a supplier offers, under the supplier's own code."""

    supplier: str
    code: str
    name: str


PRODUCTS: tuple[DemoProduct, ...] = (
    DemoProduct("BB-LAMP-01", "Desk lamp, brass", 4900, 1350),
    DemoProduct("BB-LAMP-02", "Floor lamp, oak", 11900, 5200),
    DemoProduct("BB-MUG-01", "Stoneware mug, blue", 1450, 420),
    DemoProduct("BB-MUG-02", "Stoneware mug, sand", 1450, 420),
    DemoProduct("BB-TEA-01", "Earl Grey, 100 g tin", 990, 180),
    DemoProduct("BB-TEA-02", "Peppermint, 60 g tin", 890, 140),
    DemoProduct("BB-KETTLE-01", "Gooseneck kettle, 0.8 l", 5900, 1100),
    DemoProduct("BB-NOTE-01", "Notebook A5, dotted", 1690, 310),
    DemoProduct("BB-NOTE-02", "Notebook A4, lined", 2190, 560),
    DemoProduct("BB-PEN-01", "Fountain pen, fine", 3400, 90),
    DemoProduct("BB-INK-01", "Ink, midnight blue, 50 ml", 1290, 210),
    DemoProduct("BB-BAG-01", "Canvas messenger bag", 7900, 980),
)

OFFERS: tuple[DemoOffer, ...] = (
    DemoOffer("ACME", "AC-1001", "BB-LAMP-01", 2450, 5000),
    DemoOffer("ACME", "AC-1002", "BB-LAMP-02", 6100, 5000),
    DemoOffer("ACME", "AC-2001", "BB-MUG-01", 520, 20000),
    DemoOffer("ACME", "AC-2002", "BB-MUG-02", 520, 20000),
    DemoOffer("ACME", "AC-2010", "BB-KETTLE-01", 2980, 5000),
    DemoOffer("ACME", "AC-3001", "BB-BAG-01", 3650, 5000),
    DemoOffer("NOVA", "NV-TEA-EG100", "BB-TEA-01", 410, 20000),
    DemoOffer("NOVA", "NV-TEA-PM60", "BB-TEA-02", 360, 20000),
    DemoOffer("NOVA", "NV-NB-A5D", "BB-NOTE-01", 690, 20000),
    DemoOffer("NOVA", "NV-NB-A4L", "BB-NOTE-02", 940, 20000),
    DemoOffer("NOVA", "NV-PEN-F", "BB-PEN-01", 1520, 8000),
    DemoOffer("NOVA", "NV-INK-MB50", "BB-INK-01", 480, 8000),
    DemoOffer("NOVA", "NV-KET-08", "BB-KETTLE-01", 3120, 2000, priority=2),
)

KIT = DemoKit("BB-KIT-TEATIME", "Tea time: mug and Earl Grey", 2190, (("BB-MUG-01", 1), ("BB-TEA-01", 1)))

METHODS: tuple[DemoMethod, ...] = (
    DemoMethod("ACME", "UPS-GND", "UPS Ground"),
    DemoMethod("ACME", "UPS-2DA", "UPS 2nd Day Air"),
    DemoMethod("NOVA", "FEDEX-HOME", "FedEx Home Delivery"),
    DemoMethod("NOVA", "FEDEX-2DAY", "FedEx 2Day"),
)


class DemoListing(msgspec.Struct, frozen=True):
    """What the store shows: a product or the kit, with what one piece of it is made of."""

    sku: str
    title: str
    price: int
    components: tuple[tuple[str, int], ...]


LISTINGS: tuple[DemoListing, ...] = (
    *(DemoListing(p.sku, p.title, p.price, ((p.sku, 1),)) for p in PRODUCTS),
    DemoListing(KIT.sku, KIT.title, KIT.price, KIT.components),
)
BY_SKU: dict[str, DemoListing] = {listing.sku: listing for listing in LISTINGS}
