"""Orders, their lines, and why they wait."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
from engine.models.fields import JsonField, UtcField


class Order(Model):
    """A customer's order at one channel. Money is minor units of currency.

    status is derived (engine.domain.states.order_status) and kept here for lists, as are issue_at and late_at. audit_seq
    and audit_hash are the head of the order's chain in the blue book.
    """

    id = fields.BigIntField(primary_key=True)
    channel = fields.ForeignKeyField("models.Channel", related_name="orders", on_delete=fields.RESTRICT)
    external_id = fields.CharField(max_length=120)
    number = fields.CharField(max_length=80, unique=True)
    status = fields.CharField(max_length=20)
    version = fields.IntField(default=0)
    audit_seq = fields.IntField(default=0)
    audit_hash = fields.CharField(max_length=64, default="")
    placed_at = UtcField()
    channel_updated_at = UtcField()
    received_at = UtcField()
    changed_at = UtcField()
    channel_state = fields.CharField(max_length=20)
    payment = fields.CharField(max_length=20)
    fraud = fields.TextField(default="")
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField()
    shipping_total = fields.BigIntField(default=0)
    tax_total = fields.BigIntField(default=0)
    discount_total = fields.BigIntField(default=0)
    customer = fields.CharField(max_length=200, default="")
    email = fields.CharField(max_length=254, default="")
    country = fields.CharField(max_length=2, default="")
    ship_to = JsonField()
    bill_to = JsonField(null=True)
    shipping_rate = fields.CharField(max_length=200, default="")
    note = fields.TextField(default="")
    fingerprint = fields.CharField(max_length=64, description="sha256 of what the channel said, to notice changes")
    likeness = fields.CharField(max_length=64, description="the same for orders that may be duplicates")
    waived = JsonField(default=list)
    held = fields.CharField(max_length=300, default="")
    snoozed_until = UtcField(null=True)
    auto = fields.BooleanField(default=False, description="processed by Auto Order Processing")
    inbound_id = fields.BigIntField(null=True, description="the payload it was last read from")
    issue_at = UtcField(null=True, description="since when it has an open Issue, for lists")
    late_at = UtcField(null=True, description="since when it has one that the supplier is late, for lists")
    cancel_wish = JsonField(null=True, description="what its customer asks to cancel, and why")

    class Meta:
        table = "orders"
        unique_together = (("channel", "external_id"),)


class OrderLine(Model):
    """One line. shipped + canceled + open = quantity, always.

    cancel_asked is what the channel or a person wants canceled, canceled is what will surely not ship, cancel_told what the
    channel was told to cancel and does not show yet. added is what a person wants beyond what the channel ordered, and is
    part of quantity.
    """

    id = fields.BigIntField(primary_key=True)
    order = fields.ForeignKeyField("models.Order", related_name="lines", on_delete=fields.RESTRICT)
    external_id = fields.CharField(max_length=120)
    position = fields.IntField()
    sku = fields.CharField(max_length=200)
    title = fields.CharField(max_length=300, default="")
    quantity = fields.IntField()
    unit_price = fields.BigIntField()
    cancel_asked = fields.IntField(default=0)
    cancel_told = fields.IntField(null=True)
    added = fields.IntField(null=True)
    allocated = fields.IntField(default=0)
    submitted = fields.IntField(default=0)
    acknowledged = fields.IntField(default=0)
    backordered = fields.IntField(default=0)
    shipped = fields.IntField(default=0)
    canceled = fields.IntField(default=0)
    returned = fields.IntField(default=0)
    product_id = fields.IntField(null=True, description="what a person said it is, for this order only")
    supplier = fields.ForeignKeyField("models.Supplier", related_name="chosen", null=True, on_delete=fields.RESTRICT)

    class Meta:
        table = "order_lines"
        unique_together = (("order", "external_id"),)


class Issue(Model):
    """Why an order needs a person. cause is the same for every order that the same fix would clear."""

    id = fields.BigIntField(primary_key=True)
    order = fields.ForeignKeyField("models.Order", related_name="issues", on_delete=fields.RESTRICT)
    code = fields.CharField(max_length=40)
    message = fields.TextField()
    field = fields.CharField(max_length=120, default="")
    cause = fields.CharField(max_length=300)
    line_id = fields.BigIntField(null=True)
    purchase_order_id = fields.BigIntField(null=True)
    opened_at = UtcField()
    closed_at = UtcField(null=True)
    closed_by = fields.CharField(max_length=120, default="")
    resolution = fields.CharField(max_length=40, default="")

    class Meta:
        table = "issues"
        indexes = (("order_id",),)


class Hold(Model):
    """A person stopped an order, it goes on when the hold is released."""

    id = fields.BigIntField(primary_key=True)
    order = fields.ForeignKeyField("models.Order", related_name="holds", on_delete=fields.RESTRICT)
    reason = fields.CharField(max_length=300)
    placed_at = UtcField()
    placed_by = fields.CharField(max_length=120)
    released_at = UtcField(null=True)
    released_by = fields.CharField(max_length=120, default="")

    class Meta:
        table = "holds"
        indexes = (("order_id",),)
