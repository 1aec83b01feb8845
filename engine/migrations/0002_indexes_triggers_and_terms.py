"""What models cannot say: the indexes lists and jobs live by, the blue book's triggers, quantity checks, search terms."""

from tortoise import migrations

from engine.models.operations import PerDialect

OPEN = "('failed', 'on_hold', 'unresolved', 'ready')"

INDEXES = [
    "CREATE INDEX orders_status_channel ON orders (status, channel_id, placed_at DESC, id DESC)",
    "CREATE INDEX orders_status ON orders (status, placed_at DESC, id DESC)",
    "CREATE INDEX orders_channel ON orders (channel_id, placed_at DESC, id DESC)",
    "CREATE INDEX orders_placed ON orders (placed_at DESC, id DESC)",
    f"CREATE INDEX orders_open ON orders (placed_at, id) WHERE status IN {OPEN}",
    "CREATE INDEX orders_likeness ON orders (likeness)",
    "CREATE INDEX orders_unfinished ON orders (channel_id, id) WHERE status NOT IN ('completed', 'canceled')",
    "CREATE INDEX issues_cause ON issues (cause) WHERE closed_at IS NULL",
    "CREATE INDEX issues_open ON issues (code, order_id) WHERE closed_at IS NULL",
    "CREATE INDEX purchase_orders_supplier ON purchase_orders (supplier_id, state, created_at DESC, id DESC)",
    "CREATE INDEX purchase_orders_leased ON purchase_orders (lease_until) WHERE lease_until IS NOT NULL",
    "CREATE INDEX purchase_orders_ack_due ON purchase_orders (ack_due_at) WHERE ack_due_at IS NOT NULL",
    "CREATE INDEX purchase_orders_tracking_due ON purchase_orders (tracking_due_at) WHERE tracking_due_at IS NOT NULL",
    "CREATE INDEX purchase_orders_queued ON purchase_orders (release_at) WHERE state = 'queued'",
    "CREATE INDEX purchase_orders_sent ON purchase_orders (sent_at) WHERE sent_at IS NOT NULL",
    "CREATE INDEX shipments_unpushed ON shipments (push, id) WHERE push IN ('pending', 'pushing', 'failed')",
    "CREATE UNIQUE INDEX outbox_live_key ON outbox (key) WHERE state IN ('ready', 'claimed')",
    "CREATE INDEX outbox_ready ON outbox (run_at, id) WHERE state = 'ready'",
    "CREATE INDEX outbox_claimed ON outbox (lease_until) WHERE state = 'claimed'",
    "CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead'",
    "CREATE INDEX outbox_done ON outbox (finished_at) WHERE state = 'done'",
    "CREATE INDEX inbound_open ON inbound_messages (state, id) WHERE state IN ('stored', 'parked')",
    "CREATE INDEX inbound_order ON inbound_messages (order_id) WHERE order_id IS NOT NULL",
]

LINE = "NEW.shipped < 0 OR NEW.canceled < 0 OR NEW.quantity < 1 OR NEW.shipped + NEW.canceled > NEW.quantity"


def _sqlite_check(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_conserve_{event} BEFORE {event.upper()} ON {table} WHEN {LINE} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: shipped + canceled + open must equal quantity'); END"
        for event in ("insert", "update")
    ]


def _postgres_check(table: str) -> str:
    condition = "quantity >= 1 AND shipped >= 0 AND canceled >= 0 AND shipped + canceled <= quantity"
    return f"ALTER TABLE {table} ADD CONSTRAINT {table}_conserve CHECK ({condition})"


SQLITE = [
    "CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events "
    "BEGIN SELECT RAISE(ABORT, 'the blue book is append-only'); END",
    "CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events "
    "BEGIN SELECT RAISE(ABORT, 'the blue book is append-only'); END",
    *_sqlite_check("order_lines"),
    *_sqlite_check("purchase_order_lines"),
    "CREATE TABLE terms (term TEXT NOT NULL, order_id INTEGER NOT NULL, PRIMARY KEY (term, order_id)) WITHOUT ROWID",
]

POSTGRES = [
    "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the blue book is append-only'; END $$",
    "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events "
    "FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()",
    "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()",
    "ALTER TABLE audit_events ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint",
    _postgres_check("order_lines"),
    _postgres_check("purchase_order_lines"),
    'CREATE TABLE terms (term TEXT COLLATE "C" NOT NULL, order_id BIGINT NOT NULL, PRIMARY KEY (term, order_id))',
]


class Migration(migrations.Migration):
    """Plain SQL only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0001_initial")]
    initial = False
    operations = [PerDialect(sqlite=[*INDEXES, *SQLITE], postgres=[*INDEXES, *POSTGRES])]
