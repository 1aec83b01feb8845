"""When a channel or a supplier was removed."""

from tortoise import migrations
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField

WHAT = "removed then: in no list, its orders stay"


class Migration(migrations.Migration):
    """Columns that may be null."""

    dependencies = [("models", "0021_sent_orders_index")]

    initial = False

    operations = [
        ops.AddField(model_name="Channel", name="archived_at", field=UtcField(null=True, description=WHAT)),
        ops.AddField(model_name="Supplier", name="archived_at", field=UtcField(null=True, description=WHAT)),
    ]
