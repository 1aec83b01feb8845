"""Secrets of webhooks that were changed for others and are still signed with."""

from tortoise import migrations
from tortoise.migrations import operations as ops

from engine.models.fields import JsonField


class Migration(migrations.Migration):
    """A column with a default."""

    dependencies = [("models", "0016_offered_listings")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Webhook",
            name="former_secrets",
            field=JsonField(default=list, db_default=[], unique=False),
        ),
    ]
