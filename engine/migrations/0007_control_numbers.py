"""Control numbers of the documents exchanged with suppliers by EDI."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField
from engine.models.operations import PerDialect

# Only what a receipt is still owed for: as many rows as purchase orders are on their way.
WAITING = ["CREATE INDEX control_numbers_waiting ON control_numbers (id) WHERE waiting = 1"]


class Migration(migrations.Migration):
    """New tables only."""

    dependencies = [("models", "0006_people")]
    initial = False
    operations = [
        ops.CreateModel(
            name="ControlCounter",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("partner", fields.CharField(unique=True, max_length=80)),
                ("given", fields.IntField()),
            ],
            options={
                "table": "control_counters",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The last control number given out at a partner.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ControlNumber",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("partner", fields.CharField(max_length=80)),
                ("number", fields.IntField()),
                ("key", fields.CharField(max_length=200)),
                ("kind", fields.CharField(description="850, 860, 997", max_length=8)),
                ("subject", fields.CharField(default="", description="the purchase order's number", max_length=90)),
                ("given_at", UtcField()),
                ("waiting", fields.SmallIntField(default=0)),
                ("due_after", fields.BigIntField(default=0)),
                ("answered_at", UtcField(null=True)),
                ("answer", fields.TextField(default="", unique=False)),
            ],
            options={
                "table": "control_numbers",
                "app": "models",
                "unique_together": (("partner", "number"), ("partner", "key")),
                "indexes": [Index(fields=["subject"])],
                "pk_attr": "id",
                "table_description": (
                    "A numbered document: which number between us and a partner it was given, once and for good."
                ),
            },
            bases=["Model"],
        ),
        PerDialect(sqlite=WAITING, postgres=WAITING),
    ]
