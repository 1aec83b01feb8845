"""The few invoices that need a person are found among all there ever were."""

from tortoise import migrations

from engine.models.operations import PerDialect

BY_STATE = ["CREATE INDEX supplier_invoices_state ON supplier_invoices (state, id)"]


class Migration(migrations.Migration):
    """Lists of invoices in a state are read newest first from an index."""

    dependencies = [("models", "0022_removed_connections")]

    initial = False

    operations = [PerDialect(sqlite=BY_STATE, postgres=BY_STATE)]
