from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0012_cancel_told")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Channel",
            name="walk",
            field=fields.TextField(
                null=True, description="where a poll that had to stop goes on, as JSON", unique=False
            ),
        ),
    ]
