"""Where suppliers' parcels come from, for the policy "nearest"."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Columns only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0003_read_indexes")]
    initial = False
    operations = [
        ops.AddField(
            model_name="Supplier",
            name="warehouse_country",
            field=fields.CharField(null=True, description="ISO 3166-1 alpha-2", max_length=2),
        ),
        ops.AddField(
            model_name="Supplier", name="warehouse_postal_code", field=fields.CharField(null=True, max_length=20)
        ),
        ops.AddField(model_name="Supplier", name="warehouse_region", field=fields.CharField(null=True, max_length=80)),
    ]
