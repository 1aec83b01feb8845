"""Purchase orders, the attempts to send them, and what suppliers said."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
from engine.models.fields import JsonField, UtcField


class PurchaseOrder(Model):
    """What one supplier is asked to ship of one order. po_number is the idempotency key and never changes.

    document is the bytes that go out, frozen when first rendered, so that every attempt is the same.
    """

    id = fields.BigIntField(primary_key=True)
    order = fields.ForeignKeyField("models.Order", related_name="purchase_orders", on_delete=fields.RESTRICT)
    supplier = fields.ForeignKeyField("models.Supplier", related_name="purchase_orders", on_delete=fields.RESTRICT)
    po_number = fields.CharField(max_length=90, unique=True)
    state = fields.CharField(max_length=20)
    version = fields.IntField(default=0)
    back_to = fields.CharField(max_length=20, default="", description="the state before request_cancel")
    method = fields.ForeignKeyField("models.ShippingMethod", related_name="purchase_orders", null=True,
                                    on_delete=fields.RESTRICT)  # fmt: skip
    method_chosen = fields.BooleanField(default=False, description="by a person, so that no mapping replaces it")
    currency = fields.CharField(max_length=3)
    release_at = UtcField(null=True)
    attempt = fields.IntField(default=0)
    lease_until = UtcField(null=True)
    lease_token = fields.CharField(max_length=40, default="")
    document = fields.BinaryField(null=True)
    reference = fields.CharField(max_length=120, default="")
    message = fields.TextField(default="")
    superseded = fields.BooleanField(
        default=False, description="a person dealt with its end, others cover its quantity"
    )
    created_at = UtcField()
    sent_at = UtcField(null=True)
    acknowledged_at = UtcField(null=True)
    ack_due_at = UtcField(null=True)
    tracking_due_at = UtcField(null=True)

    class Meta:
        table = "purchase_orders"
        indexes = (("order_id",),)


class PurchaseOrderLine(Model):
    """One line of a purchase order. per_unit pieces of the product make one piece of the order line (kits)."""

    id = fields.BigIntField(primary_key=True)
    purchase_order = fields.ForeignKeyField("models.PurchaseOrder", related_name="lines", on_delete=fields.RESTRICT)
    order_line = fields.ForeignKeyField("models.OrderLine", related_name="purchase_lines", on_delete=fields.RESTRICT)
    position = fields.IntField()
    product_id = fields.IntField()
    sku = fields.CharField(max_length=120)
    supplier_sku = fields.CharField(max_length=200)
    title = fields.CharField(max_length=300, default="")
    quantity = fields.IntField()
    per_unit = fields.IntField(default=1)
    unit_cost = fields.BigIntField()
    acknowledged = fields.IntField(default=0)
    backordered = fields.IntField(default=0)
    shipped = fields.IntField(default=0)
    canceled = fields.IntField(default=0)

    class Meta:
        table = "purchase_order_lines"
        indexes = (("purchase_order_id",), ("order_line_id",))


class Submission(Model):
    """One attempt to send a purchase order, written before the request leaves."""

    id = fields.BigIntField(primary_key=True)
    purchase_order = fields.ForeignKeyField(
        "models.PurchaseOrder", related_name="submissions", on_delete=fields.RESTRICT
    )
    attempt = fields.IntField()
    started_at = UtcField()
    finished_at = UtcField(null=True)
    outcome = fields.CharField(max_length=20, default="pending")
    message = fields.TextField(default="")

    class Meta:
        table = "submissions"
        unique_together = (("purchase_order", "attempt"),)


class SupplierAnswer(Model):
    """A link that a supplier's people have used: each works once. Only the sha256 of its token is kept."""

    id = fields.BigIntField(primary_key=True)
    digest = fields.CharField(max_length=64, unique=True)
    purchase_order = fields.ForeignKeyField("models.PurchaseOrder", related_name="answers", on_delete=fields.CASCADE)
    used_at = UtcField()
    said = fields.CharField(max_length=300, default="", description="in a sentence, for whoever opens the link again")

    class Meta:
        table = "supplier_answers"


class Acknowledgement(Model):
    """Something a supplier said of a purchase order. key is the supplier's, so that hearing it twice is harmless."""

    id = fields.BigIntField(primary_key=True)
    purchase_order = fields.ForeignKeyField("models.PurchaseOrder", related_name="acknowledgements",
                                            on_delete=fields.RESTRICT)  # fmt: skip
    kind = fields.CharField(max_length=20)
    key = fields.CharField(max_length=200)
    reference = fields.CharField(max_length=120, default="")
    message = fields.TextField(default="")
    occurred_at = UtcField()
    received_at = UtcField()
    inbound_id = fields.BigIntField(null=True)

    class Meta:
        table = "acknowledgements"
        unique_together = (("purchase_order", "key"),)


class SupplierInvoice(Model):
    """What a supplier charges for one purchase order, or credits.

    lines are {line, supplier_sku, quantity, unit_cost}, amounts minor units of currency; reason is what does not fit.
    """

    id = fields.BigIntField(primary_key=True)
    purchase_order = fields.ForeignKeyField("models.PurchaseOrder", related_name="invoices", on_delete=fields.RESTRICT)
    number = fields.CharField(max_length=120)
    credit = fields.BooleanField(default=False)
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField(null=True)
    charges = fields.BigIntField(default=0)
    lines = JsonField(default=list)
    state = fields.CharField(max_length=12, default="new", description="new, matched, waits, differs, accepted")
    reason = fields.TextField(default="")
    occurred_at = UtcField()
    received_at = UtcField()
    due_at = UtcField(description="from when one that waits is for a person")
    inbound_id = fields.BigIntField(null=True)
    decided_at = UtcField(null=True)
    decided_by = fields.CharField(max_length=120, default="")
    note = fields.TextField(default="")

    class Meta:
        table = "supplier_invoices"
        indexes = (("purchase_order_id",), ("number",))


class Backorder(Model):
    """A quantity the supplier will ship later."""

    id = fields.BigIntField(primary_key=True)
    purchase_order_line = fields.ForeignKeyField("models.PurchaseOrderLine", related_name="backorders",
                                                 on_delete=fields.RESTRICT)  # fmt: skip
    quantity = fields.IntField()
    expected_at = UtcField(null=True)
    opened_at = UtcField()
    closed_at = UtcField(null=True)

    class Meta:
        table = "backorders"
        indexes = (("purchase_order_line_id",),)


class Shipment(Model):
    """One parcel. push is whether the channel knows, carrier our code, "" where the carrier is unknown to us."""

    id = fields.BigIntField(primary_key=True)
    order = fields.ForeignKeyField("models.Order", related_name="shipments", on_delete=fields.RESTRICT)
    purchase_order = fields.ForeignKeyField("models.PurchaseOrder", related_name="shipments", on_delete=fields.RESTRICT)
    key = fields.CharField(max_length=200)
    version = fields.IntField(default=0)
    transit = fields.CharField(max_length=20)
    push = fields.CharField(max_length=20)
    push_attempt = fields.IntField(default=0)
    lease_until = UtcField(null=True)
    lease_token = fields.CharField(max_length=40, default="")
    carrier = fields.CharField(max_length=40, default="")
    carrier_name = fields.CharField(max_length=120, default="")
    service = fields.CharField(max_length=120, default="")
    tracking_number = fields.CharField(max_length=120)
    tracking_url = fields.TextField(default="")
    shipped_at = UtcField()
    received_at = UtcField()
    channel_reference = fields.CharField(max_length=200, default="")
    message = fields.TextField(default="")
    inbound_id = fields.BigIntField(null=True)

    class Meta:
        table = "shipments"
        unique_together = (("purchase_order", "key"),)
        indexes = (("order_id",), ("tracking_number",))


class ShipmentLine(Model):
    """quantity pieces of a purchase order line in a parcel."""

    id = fields.BigIntField(primary_key=True)
    shipment = fields.ForeignKeyField("models.Shipment", related_name="lines", on_delete=fields.RESTRICT)
    purchase_order_line = fields.ForeignKeyField("models.PurchaseOrderLine", related_name="shipment_lines",
                                                 on_delete=fields.RESTRICT)  # fmt: skip
    quantity = fields.IntField()

    class Meta:
        table = "shipment_lines"
        indexes = (("shipment_id",),)


class TrackingPush(Model):
    """One attempt to tell a channel about a parcel."""

    id = fields.BigIntField(primary_key=True)
    shipment = fields.ForeignKeyField("models.Shipment", related_name="pushes", on_delete=fields.RESTRICT)
    attempt = fields.IntField()
    started_at = UtcField()
    finished_at = UtcField(null=True)
    outcome = fields.CharField(max_length=20, default="pending")
    message = fields.TextField(default="")

    class Meta:
        table = "tracking_pushes"
        unique_together = (("shipment", "attempt"),)


class ControlNumber(Model):
    """A numbered document: which number between us and a partner it was given, once and for good.

    key names the document by what it is and says, so that it gets the same number again. waiting is 1 while the partner owes a
    receipt for it, due_after how long after sending that is late, in microseconds. number is unique at its partner.
    """

    id = fields.BigIntField(primary_key=True)
    partner = fields.CharField(max_length=80)
    number = fields.IntField()
    key = fields.CharField(max_length=200)
    kind = fields.CharField(max_length=8, description="850, 860, 997")
    subject = fields.CharField(max_length=90, default="", description="the purchase order's number")
    given_at = UtcField()
    waiting = fields.SmallIntField(default=0)
    due_after = fields.BigIntField(default=0)
    answered_at = UtcField(null=True)
    answer = fields.TextField(default="")

    class Meta:
        table = "control_numbers"
        unique_together = (("partner", "number"), ("partner", "key"))
        indexes = (("subject",),)


class ControlCounter(Model):
    """The last control number given out at a partner."""

    id = fields.IntField(primary_key=True)
    partner = fields.CharField(max_length=80, unique=True)
    given = fields.IntField()

    class Meta:
        table = "control_counters"


class PostedMessage(Model):
    """A message exchanged with a supplier by AS2: ours with what became of it, theirs with the receipt they were given.

    digest is of the document inside, mics (JSON) what a right receipt for ours may repeat. receipt and receipt_body are the
    headers (JSON) and the bytes that answered theirs, so that the same message is answered the same when it comes again.
    """

    id = fields.BigIntField(primary_key=True)
    supplier = fields.ForeignKeyField("models.Supplier", related_name="posted_messages", on_delete=fields.RESTRICT)
    direction = fields.CharField(max_length=3, description="out, in")
    message_id = fields.CharField(max_length=1000)
    kind = fields.CharField(max_length=8, default="", description="850, 860, 997")
    subject = fields.CharField(max_length=90, default="", description="the purchase order's number")
    digest = fields.CharField(max_length=64, default="")
    mics = fields.TextField(default="[]")
    state = fields.CharField(max_length=12)
    words = fields.TextField(default="")
    posted_at = UtcField()
    settled_at = UtcField(null=True)
    receipt = fields.TextField(default="")
    receipt_body = fields.BinaryField(null=True)
    inbound_id = fields.BigIntField(null=True)

    class Meta:
        table = "posted_messages"
        unique_together = (("supplier", "direction", "message_id"),)
        indexes = (("supplier_id", "kind", "subject"),)
