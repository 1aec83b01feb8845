"""Indexes that only the lists, the search and the counters' readers need."""

from tortoise import migrations

from engine.models.operations import PerDialect

INDEXES = [
    # Does an order have a word that begins so? And which words is it found by, to forget them?
    "CREATE INDEX terms_order ON terms (order_id, term)",
]


class Migration(migrations.Migration):
    """Plain SQL only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0002_indexes_triggers_and_terms")]  # noqa: RUF012
    initial = False
    operations = [PerDialect(sqlite=INDEXES, postgres=INDEXES)]  # noqa: RUF012
