"""Links that suppliers' people answer by, and when suppliers work."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField


class Migration(migrations.Migration):
    """A new table and null columns only."""

    dependencies = [("models", "0007_control_numbers")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SupplierAnswer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("digest", fields.CharField(unique=True, max_length=64)),
                (
                    "purchase_order",
                    fields.ForeignKeyField(
                        "models.PurchaseOrder",
                        source_field="purchase_order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="answers",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("used_at", UtcField()),
                (
                    "said",
                    fields.CharField(
                        default="", description="in a sentence, for whoever opens the link again", max_length=300
                    ),
                ),
            ],
            options={
                "table": "supplier_answers",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A link that a supplier's people have used: each works once. Only the sha256 of its token is kept.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Supplier",
            name="holidays",
            field=fields.TextField(
                null=True,
                description="days off: 2026-12-24, 12-25 for every year, 2026-07-27..2026-08-07",
                unique=False,
            ),
        ),
        ops.AddField(
            model_name="Supplier",
            name="work_hours",
            field=fields.CharField(
                null=True, description="when deadlines run: Mon-Fri 09:00-17:00, null for always", max_length=120
            ),
        ),
        ops.AddField(
            model_name="Supplier",
            name="work_timezone",
            field=fields.CharField(null=True, description="IANA name, null for UTC", max_length=64),
        ),
    ]
