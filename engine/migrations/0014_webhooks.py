from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from engine.models.fields import JsonField, UtcField


class Migration(migrations.Migration):
    dependencies = [("models", "0013_channel_walk")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Webhook",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=80)),
                ("url", fields.CharField(max_length=500)),
                ("secret", fields.TextField(default="", unique=False)),
                ("events", JsonField(default=list, unique=False)),
                ("enabled", fields.BooleanField(default=True)),
                ("cursor", fields.BigIntField()),
                ("created_at", UtcField()),
                ("answered_at", UtcField(null=True)),
                ("last_error", fields.TextField(default="", unique=False)),
            ],
            options={
                "table": "webhooks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An address of somebody else's that is called when something happens to an order. ``secret`` is sealed.",
            },
            bases=["Model"],
        ),
    ]
