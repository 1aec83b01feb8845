"""Suppliers' invoices, how old stock may be, and by how much a cost may differ."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from engine.models.fields import JsonField, UtcField
from engine.models.operations import PerDialect

OPEN = ["CREATE INDEX supplier_invoices_open ON supplier_invoices (due_at) WHERE state IN ('new', 'waits')"]


class Migration(migrations.Migration):
    """A new table, and columns with defaults."""

    dependencies = [("models", "0009_posted_messages")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SupplierInvoice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "purchase_order",
                    fields.ForeignKeyField(
                        "models.PurchaseOrder",
                        source_field="purchase_order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="invoices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.CharField(max_length=120)),
                ("credit", fields.BooleanField(default=False)),
                ("currency", fields.CharField(max_length=3)),
                ("total", fields.BigIntField(null=True)),
                ("charges", fields.BigIntField(default=0)),
                ("lines", JsonField(default=list, unique=False)),
                (
                    "state",
                    fields.CharField(
                        default="new", description="new, matched, waits, differs, accepted", max_length=12
                    ),
                ),
                ("reason", fields.TextField(default="", unique=False)),
                ("occurred_at", UtcField()),
                ("received_at", UtcField()),
                ("due_at", UtcField(description="from when one that waits is for a person")),
                ("inbound_id", fields.BigIntField(null=True)),
                ("decided_at", UtcField(null=True)),
                ("decided_by", fields.CharField(default="", max_length=120)),
                ("note", fields.TextField(default="", unique=False)),
            ],
            options={
                "table": "supplier_invoices",
                "app": "models",
                "indexes": [Index(fields=["purchase_order_id"]), Index(fields=["number"])],
                "pk_attr": "id",
                "table_description": "What a supplier charges for one purchase order, or credits.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Supplier",
            name="cost_tolerance",
            field=fields.IntField(default=0, db_default=0, description="percent a cost may differ without a person"),
        ),
        ops.AddField(
            model_name="Supplier",
            name="stock_heard_at",
            field=UtcField(null=True, description="when it last told of any stock by itself"),
        ),
        ops.AddField(
            model_name="Supplier",
            name="stock_hours",
            field=fields.IntField(
                default=48, db_default=48, description="how old its stock may be and still be believed, 0: any age"
            ),
        ),
        ops.AddField(
            model_name="SupplierProduct",
            name="cost_at",
            field=UtcField(null=True, description="when the cost was last told"),
        ),
        PerDialect(sqlite=OPEN, postgres=OPEN),
    ]
