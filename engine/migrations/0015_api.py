"""Tokens for the API with scopes, and the answers to calls that were made under a key."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField


class Migration(migrations.Migration):
    """A new table, and columns with defaults."""

    dependencies = [("models", "0014_webhooks")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ApiCall",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "token",
                    fields.ForeignKeyField(
                        "models.ApiToken",
                        source_field="token_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="calls",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("key", fields.CharField(max_length=255)),
                ("digest", fields.CharField(max_length=64)),
                ("begun_at", UtcField()),
                ("status", fields.IntField(null=True)),
                ("headers", fields.TextField(default="{}", unique=False)),
                ("body", fields.BinaryField(null=True)),
            ],
            options={
                "table": "api_calls",
                "app": "models",
                "unique_together": (("token", "key"),),
                "indexes": [Index(fields=["begun_at"])],
                "pk_attr": "id",
                "table_description": "A call made under a key of the caller, with its answer, whose status is null while it is under way.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="ApiToken",
            name="hint",
            field=fields.CharField(default="", db_default="", max_length=12),
        ),
        ops.AddField(
            model_name="ApiToken",
            name="revoked_at",
            field=UtcField(null=True),
        ),
        ops.AddField(
            model_name="ApiToken",
            name="scopes",
            field=fields.CharField(default="", db_default="", max_length=400),
        ),
    ]
