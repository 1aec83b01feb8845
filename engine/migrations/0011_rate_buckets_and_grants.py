"""Rate limits and OAuth grants that all workers share."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField


class Migration(migrations.Migration):
    """New tables only."""

    dependencies = [("models", "0010_supplier_invoices")]

    initial = False

    operations = [
        ops.CreateModel(
            name="KeptGrant",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("mark", fields.CharField(description="sha256 of the connector and its credentials", max_length=64)),
                ("name", fields.CharField(default="", max_length=120)),
                ("access_token", fields.TextField(default="", unique=False)),
                ("until", UtcField(null=True)),
                ("refresh_token", fields.TextField(default="", unique=False)),
                ("refresh_until", UtcField(null=True)),
                ("version", fields.IntField(default=0)),
                ("saved_at", UtcField()),
                ("lease_token", fields.CharField(default="", max_length=40)),
                ("lease_until", UtcField(null=True)),
            ],
            options={
                "table": "grants",
                "app": "models",
                "unique_together": (("mark", "name"),),
                "pk_attr": "id",
                "table_description": "What a token endpoint gave for these credentials, its tokens sealed (engine.vault).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RateBucket",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("source", fields.CharField(description="channels | suppliers", max_length=20)),
                ("source_id", fields.IntField()),
                ("name", fields.CharField(description="the operation", max_length=120)),
                ("level", fields.FloatField()),
                ("at", UtcField(description="when the level was that")),
            ],
            options={
                "table": "rate_buckets",
                "app": "models",
                "unique_together": (("source", "source_id", "name"),),
                "pk_attr": "id",
                "table_description": "How many tokens of a peer's rate limit are left, below 0 where some are promised already. Shared by all workers.",
            },
            bases=["Model"],
        ),
    ]
