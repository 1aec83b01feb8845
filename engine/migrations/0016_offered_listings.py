"""What channels say they offer, and products' barcodes."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField
from engine.models.operations import PerDialect

GTIN = ["CREATE INDEX products_gtin ON products (gtin) WHERE gtin <> ''"]


class Migration(migrations.Migration):
    """A new table, and columns with defaults."""

    dependencies = [("models", "0015_api")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ListedItem",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "channel",
                    fields.ForeignKeyField(
                        "models.Channel",
                        source_field="channel_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("external_id", fields.CharField(max_length=200)),
                ("sku", fields.CharField(default="", max_length=200)),
                ("title", fields.CharField(default="", max_length=300)),
                ("barcode", fields.CharField(default="", max_length=40)),
                (
                    "gtin",
                    fields.CharField(
                        default="", description="the barcode's 14 digits, by which it is compared", max_length=14
                    ),
                ),
                ("active", fields.BooleanField(default=True, description="somebody can buy it now")),
                ("first_at", UtcField(description="when it was imported first")),
                ("seen_at", UtcField(description="when it was imported last")),
            ],
            options={
                "table": "listed_items",
                "app": "models",
                "unique_together": (("channel", "external_id"),),
                "indexes": [Index(fields=["channel_id", "sku"]), Index(fields=["gtin"])],
                "pk_attr": "id",
                "table_description": "Something a channel says it offers, as it was imported. What its SKU stands for is a Listing.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Channel",
            name="listings_at",
            field=UtcField(null=True, description="when its listings were last imported as a whole"),
        ),
        ops.AddField(
            model_name="Channel",
            name="listings_error",
            field=fields.TextField(default="", db_default="", unique=False),
        ),
        ops.AddField(
            model_name="Channel",
            name="listings_seconds",
            field=fields.IntField(
                default=86400, db_default=86400, description="how often its listings are imported, 0: only when asked"
            ),
        ),
        ops.AddField(
            model_name="Product",
            name="barcode",
            field=fields.CharField(
                default="", db_default="", description="UPC, EAN or ISBN, as somebody wrote it", max_length=40
            ),
        ),
        ops.AddField(
            model_name="Product",
            name="gtin",
            field=fields.CharField(
                default="", db_default="", description="the barcode's 14 digits, by which it is compared", max_length=14
            ),
        ),
        PerDialect(sqlite=GTIN, postgres=GTIN),
    ]
