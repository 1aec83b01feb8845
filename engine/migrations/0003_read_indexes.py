"""Indexes that only the lists, the search and the counters' readers need."""

from tortoise import migrations

from engine.models.operations import PerDialect

INDEXES = [
    # Does an order have a word that begins so? And which words is it found by, to forget them?
    "CREATE INDEX terms_order ON terms (order_id, term)",
    "CREATE INDEX orders_total ON orders (total, id)",
    "CREATE INDEX issues_opened ON issues (opened_at, code)",
    "CREATE INDEX orders_held ON orders (id) WHERE held <> ''",
    "CREATE INDEX orders_snoozed ON orders (snoozed_until) WHERE snoozed_until IS NOT NULL",
]

# The change feed's order there (engine.services.feed); on SQLite ids do.
POSTGRES = ["CREATE INDEX audit_events_xid ON audit_events (xid)"]


class Migration(migrations.Migration):
    """Plain SQL only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0002_indexes_triggers_and_terms")]
    initial = False
    operations = [PerDialect(sqlite=INDEXES, postgres=[*INDEXES, *POSTGRES])]
