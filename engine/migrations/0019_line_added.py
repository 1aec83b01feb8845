"""What a person wants of a line beyond what the channel ordered."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """A column that may be null."""

    dependencies = [("models", "0018_cancel_wish")]

    initial = False

    operations = [ops.AddField(model_name="OrderLine", name="added", field=fields.IntField(null=True))]
