"""Messages exchanged with suppliers by AS2, each with its receipt."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField


class Migration(migrations.Migration):
    """A new table only."""

    dependencies = [("models", "0008_supplier_answers")]
    initial = False
    operations = [
        ops.CreateModel(
            name="PostedMessage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "supplier",
                    fields.ForeignKeyField(
                        "models.Supplier",
                        source_field="supplier_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="posted_messages",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("direction", fields.CharField(description="out, in", max_length=3)),
                ("message_id", fields.CharField(max_length=1000)),
                ("kind", fields.CharField(default="", description="850, 860, 997", max_length=8)),
                ("subject", fields.CharField(default="", description="the purchase order's number", max_length=90)),
                ("digest", fields.CharField(default="", max_length=64)),
                ("mics", fields.TextField(default="[]", unique=False)),
                ("state", fields.CharField(max_length=12)),
                ("words", fields.TextField(default="", unique=False)),
                ("posted_at", UtcField()),
                ("settled_at", UtcField(null=True)),
                ("receipt", fields.TextField(default="", unique=False)),
                ("receipt_body", fields.BinaryField(null=True)),
                ("inbound_id", fields.BigIntField(null=True)),
            ],
            options={
                "table": "posted_messages",
                "app": "models",
                "unique_together": (("supplier", "direction", "message_id"),),
                "indexes": [Index(fields=["supplier_id", "kind", "subject"])],
                "pk_attr": "id",
                "table_description": (
                    "A message exchanged with a supplier by AS2: ours with what became of it, theirs with the receipt they were given."
                ),
            },
            bases=["Model"],
        ),
    ]
