"""What could not be sent yet is found among any number of jobs that wait."""

from tortoise import migrations

from engine.models.operations import PerDialect

AGAIN = [
    "CREATE INDEX outbox_again ON outbox (task, created_at, id, subject_id) "
    "WHERE state IN ('ready', 'claimed') AND error <> ''",
]


class Migration(migrations.Migration):
    """An index of the jobs that are tried again, few in any but bad times."""

    dependencies = [("models", "0019_line_added")]

    initial = False

    operations = [PerDialect(sqlite=AGAIN, postgres=AGAIN)]
