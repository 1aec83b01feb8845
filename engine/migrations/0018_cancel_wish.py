"""What a customer asks to cancel."""

from tortoise import migrations
from tortoise.migrations import operations as ops

from engine.models.fields import JsonField


class Migration(migrations.Migration):
    """A column that may be null."""

    dependencies = [("models", "0017_webhook_secrets")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Order",
            name="cancel_wish",
            field=JsonField(null=True, description="what its customer asks to cancel, and why"),
        )
    ]
