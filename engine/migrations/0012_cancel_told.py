"""What a channel was told to cancel."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """A column that may be null."""

    dependencies = [("models", "0011_rate_buckets_and_grants")]

    initial = False

    operations = [ops.AddField(model_name="OrderLine", name="cancel_told", field=fields.IntField(null=True))]
