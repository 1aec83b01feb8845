"""What is sold where, who can ship it, and how: channels, suppliers, products and the mappings between them."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
from engine.models.fields import JsonField, UtcField


class Channel(Model):
    """A place where things are sold. secrets are sealed (engine.vault), cursor_at is how far polling has stored."""

    id = fields.IntField(primary_key=True)
    connector = fields.CharField(max_length=40)
    name = fields.CharField(max_length=80, unique=True)
    prefix = fields.CharField(max_length=16, default="", description="put before the store's order numbers")
    enabled = fields.BooleanField(default=True)
    paused_reason = fields.TextField(default="")
    settings = JsonField(default=dict)
    secrets = JsonField(default=dict)
    poll_seconds = fields.IntField(default=60)
    overlap_seconds = fields.IntField(default=300)
    rescan_seconds = fields.IntField(default=900)
    cursor_at = UtcField(null=True)
    walk = fields.TextField(null=True, description="where a poll that had to stop goes on, as JSON")
    pulled_at = UtcField(null=True)
    last_error = fields.TextField(default="")
    auto_process = fields.BooleanField(default=False)
    auto_limit = fields.BigIntField(null=True, description="minor units of auto_currency, above it a person processes")
    auto_currency = fields.CharField(max_length=3, default="")
    auto_condition = fields.TextField(default="", description="CEL, empty means every ready order")
    alert_addresses = JsonField(default=list)
    alerted_at = UtcField(null=True, description="up to when the people were told of orders that wait")
    stale_days = fields.IntField(default=30)
    margin_floor = fields.IntField(null=True, description="percent of the order's items")
    listings_seconds = fields.IntField(
        default=86_400, db_default=86_400, description="how often its listings are imported, 0: only when asked"
    )
    listings_at = UtcField(null=True, description="when its listings were last imported as a whole")
    listings_error = fields.TextField(default="", db_default="")
    created_at = UtcField()
    archived_at = UtcField(null=True, description="removed then: in no list, its orders stay")

    class Meta:
        table = "channels"


class Supplier(Model):
    """Someone who ships for us. cursor is the connector's own text, priority 1 comes first."""

    id = fields.IntField(primary_key=True)
    connector = fields.CharField(max_length=40)
    name = fields.CharField(max_length=80, unique=True)
    code = fields.CharField(max_length=16, unique=True)
    enabled = fields.BooleanField(default=True)
    paused_reason = fields.TextField(default="")
    settings = JsonField(default=dict)
    secrets = JsonField(default=dict)
    currency = fields.CharField(max_length=3, default="USD")
    priority = fields.IntField(default=100)
    poll_seconds = fields.IntField(default=60)
    cursor = fields.TextField(null=True)
    polled_at = UtcField(null=True)
    last_error = fields.TextField(default="")
    concurrency = fields.IntField(default=16)
    settle_seconds = fields.IntField(
        default=30, description="how long after an attempt its absence at the supplier counts"
    )
    ack_hours = fields.IntField(default=24)
    tracking_hours = fields.IntField(default=96)
    stock_hours = fields.IntField(
        default=48, db_default=48, description="how old its stock may be and still be believed, 0: any age"
    )
    stock_heard_at = UtcField(null=True, description="when it last told of any stock by itself")
    cost_tolerance = fields.IntField(default=0, db_default=0, description="percent a cost may differ without a person")
    po_box_allowed = fields.BooleanField(default=True)
    warehouse_country = fields.CharField(max_length=2, null=True, description="ISO 3166-1 alpha-2")
    warehouse_region = fields.CharField(max_length=80, null=True)
    warehouse_postal_code = fields.CharField(max_length=20, null=True)
    work_hours = fields.CharField(
        max_length=120, null=True, description="when deadlines run: Mon-Fri 09:00-17:00, null for always"
    )
    work_timezone = fields.CharField(max_length=64, null=True, description="IANA name, null for UTC")
    holidays = fields.TextField(
        null=True, description="days off: 2026-12-24, 12-25 for every year, 2026-07-27..2026-08-07"
    )
    created_at = UtcField()
    archived_at = UtcField(null=True, description="removed then: in no list, its orders stay")

    class Meta:
        table = "suppliers"


class Product(Model):
    """Our own SKU. floor_margin and prices live with listings and orders, here is what it is."""

    id = fields.IntField(primary_key=True)
    sku = fields.CharField(max_length=120, unique=True)
    title = fields.CharField(max_length=300, default="")
    # One of engine.domain.routing.Policy; a description cannot be altered without rebuilding the table on SQLite.
    policy = fields.CharField(max_length=20, default="priority", description="priority | cost | stock")
    barcode = fields.CharField(
        max_length=40, default="", db_default="", description="UPC, EAN or ISBN, as somebody wrote it"
    )
    gtin = fields.CharField(
        max_length=14, default="", db_default="", description="the barcode's 14 digits, by which it is compared"
    )
    created_at = UtcField()

    class Meta:
        table = "products"


class Listing(Model):
    """A channel's SKU. What it stands for is in its components: one product, or several for a kit."""

    id = fields.IntField(primary_key=True)
    channel = fields.ForeignKeyField("models.Channel", related_name="listings", on_delete=fields.RESTRICT)
    sku = fields.CharField(max_length=200)
    title = fields.CharField(max_length=300, default="")
    created_at = UtcField()

    class Meta:
        table = "listings"
        unique_together = (("channel", "sku"),)


class ListingComponent(Model):
    """quantity pieces of a product in one piece of a listing."""

    id = fields.IntField(primary_key=True)
    listing = fields.ForeignKeyField("models.Listing", related_name="components", on_delete=fields.CASCADE)
    product = fields.ForeignKeyField("models.Product", related_name="components", on_delete=fields.RESTRICT)
    quantity = fields.IntField(default=1)

    class Meta:
        table = "listing_components"
        unique_together = (("listing", "product"),)


class ListedItem(Model):
    """Something a channel says it offers, as it was imported. What its SKU stands for is a Listing."""

    id = fields.BigIntField(primary_key=True)
    channel = fields.ForeignKeyField("models.Channel", related_name="items", on_delete=fields.CASCADE)
    external_id = fields.CharField(max_length=200)
    sku = fields.CharField(max_length=200, default="")
    title = fields.CharField(max_length=300, default="")
    barcode = fields.CharField(max_length=40, default="")
    gtin = fields.CharField(max_length=14, default="", description="the barcode's 14 digits, by which it is compared")
    active = fields.BooleanField(default=True, description="somebody can buy it now")
    first_at = UtcField(description="when it was imported first")
    seen_at = UtcField(description="when it was imported last")

    class Meta:
        table = "listed_items"
        unique_together = (("channel", "external_id"),)
        indexes = (("channel_id", "sku"), ("gtin",))


class SupplierProduct(Model):
    """A supplier's offer of a product. stock None means: not told, taken as enough."""

    id = fields.IntField(primary_key=True)
    supplier = fields.ForeignKeyField("models.Supplier", related_name="offers", on_delete=fields.RESTRICT)
    product = fields.ForeignKeyField("models.Product", related_name="offers", on_delete=fields.RESTRICT)
    sku = fields.CharField(max_length=200)
    cost = fields.BigIntField(description="minor units of the supplier's currency")
    accepted_cost = fields.BigIntField(null=True, description="the cost a person last agreed to")
    stock = fields.IntField(null=True)
    stock_at = UtcField(null=True)
    cost_at = UtcField(null=True, description="when the cost was last told")
    enabled = fields.BooleanField(default=True)
    priority = fields.IntField(null=True, description="before the supplier's own priority")

    class Meta:
        table = "supplier_products"
        unique_together = (("supplier", "product"), ("supplier", "sku"))


class ShippingMethod(Model):
    """What a supplier offers, with the code it wants on a purchase order."""

    id = fields.IntField(primary_key=True)
    supplier = fields.ForeignKeyField("models.Supplier", related_name="methods", on_delete=fields.RESTRICT)
    code = fields.CharField(max_length=80)
    name = fields.CharField(max_length=120)
    carrier = fields.CharField(max_length=40, default="")
    po_box_allowed = fields.BooleanField(default=True)
    enabled = fields.BooleanField(default=True)

    class Meta:
        table = "shipping_methods"
        unique_together = (("supplier", "code"),)


class ShippingMapping(Model):
    """The rate a customer chose at a channel, turned into the method a supplier offers."""

    id = fields.IntField(primary_key=True)
    channel = fields.ForeignKeyField("models.Channel", related_name="mappings", on_delete=fields.RESTRICT)
    rate = fields.CharField(max_length=200)
    supplier = fields.ForeignKeyField("models.Supplier", related_name="mappings", on_delete=fields.RESTRICT)
    method = fields.ForeignKeyField("models.ShippingMethod", related_name="mappings", on_delete=fields.RESTRICT)
    created_at = UtcField()
    created_by = fields.CharField(max_length=120, default="")

    class Meta:
        table = "shipping_mappings"
        unique_together = (("channel", "rate", "supplier"),)


class Rule(Model):
    """A routing rule: where condition (CEL) holds, lines go to supplier. The lowest position that fits wins."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=120, unique=True)
    position = fields.IntField(default=100)
    condition = fields.TextField()
    supplier = fields.ForeignKeyField("models.Supplier", related_name="rules", on_delete=fields.RESTRICT)
    enabled = fields.BooleanField(default=True)
    created_at = UtcField()

    class Meta:
        table = "rules"
