"""Sessions, one-time links, failed log-ins, and views of the web app."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField
from engine.models.operations import PerDialect

INDEXES = [
    "CREATE INDEX sessions_user ON sessions (user_id)",
    "CREATE INDEX invitations_user ON invitations (user_id)",
    "CREATE INDEX saved_views_shared ON saved_views (name) WHERE shared",
]


class Migration(migrations.Migration):
    """Tables, columns and indexes only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0005_lists")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Invitation",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("role", fields.CharField(max_length=20)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="invitations",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("invited_by", fields.CharField(max_length=120)),
                ("created_at", UtcField()),
                ("expires_at", UtcField()),
                ("used_at", UtcField(null=True)),
            ],
            options={
                "table": "invitations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A link that works once: to become a user of a role, or for ``user`` to choose a password. Only its sha256 is kept.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LoginAttempt",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("subject", fields.CharField(unique=True, max_length=64)),
                ("failures", fields.IntField()),
                ("last_at", UtcField()),
                ("locked_until", UtcField(null=True)),
            ],
            options={
                "table": "login_attempts",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Failed log-ins by a name or from an address (``subject`` is a hash of it), and until when it is locked out.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("created_at", UtcField()),
                ("seen_at", UtcField()),
                ("expires_at", UtcField()),
                ("address", fields.CharField(default="", max_length=60)),
                ("agent", fields.CharField(default="", max_length=200)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Someone who logged in, somewhere. Only the sha256 of the token is kept.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="SavedView",
            name="query",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="SavedView",
            name="sort",
            field=fields.CharField(null=True, max_length=60),
        ),
        ops.AddField(
            model_name="User",
            name="logged_in_at",
            field=UtcField(null=True),
        ),
        PerDialect(sqlite=INDEXES, postgres=INDEXES),
    ]
