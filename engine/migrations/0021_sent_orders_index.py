"""The orders that something was sent of are counted from an index alone."""

from tortoise import migrations

from engine.models.operations import PerDialect

SENT = [
    # The new one first: while it is built PostgreSQL still answers what is read, and only then locks the table for a moment.
    "CREATE INDEX purchase_orders_sent_of ON purchase_orders (sent_at, order_id) WHERE sent_at IS NOT NULL",
    "DROP INDEX purchase_orders_sent",
]


class Migration(migrations.Migration):
    """The index by the time of sending holds the order too; what is not sent yet stands in neither."""

    dependencies = [("models", "0020_unsent_index")]

    initial = False

    operations = [PerDialect(sqlite=SENT, postgres=SENT)]
