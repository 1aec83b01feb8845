-- 0001_initial 0002_indexes_triggers_and_terms 0003_read_indexes 0004_warehouses 0005_lists 0006_people 0007_control_numbers 0008_supplier_answers 0009_posted_messages 0010_supplier_invoices 0011_rate_buckets_and_grants 0012_cancel_told 0013_channel_walk 0014_webhooks 0015_api 0016_offered_listings 0017_webhook_secrets 0018_cancel_wish 0019_line_added 0020_unsent_index 0021_sent_orders_index 0022_removed_connections 0023_invoices_by_state
-- next
CREATE TABLE "tortoise_migrations" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "app" VARCHAR(255) NOT NULL,
    "name" VARCHAR(255) NOT NULL,
    "applied_at" TIMESTAMP NOT NULL,
    CONSTRAINT "uid_tortoise_mi_app_3803a5" UNIQUE ("app", "name")
)
-- next
CREATE TABLE "audit_events" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "order_id" BIGINT NOT NULL,
    "seq" INT NOT NULL,
    "at" BIGINT NOT NULL,
    "actor" VARCHAR(120) NOT NULL,
    "tag" VARCHAR(80) NOT NULL  /* source:subject:action */,
    "subject" VARCHAR(320) NOT NULL  /* order, line.5, po.7, shipment.9, or a setting */,
    "message" TEXT NOT NULL,
    "cause" VARCHAR(200) NOT NULL  /* what led to it: a job, a key, a payload */,
    "before" TEXT NOT NULL,
    "after" TEXT NOT NULL,
    "data" TEXT NOT NULL,
    "inbound_id" BIGINT,
    "prev_hash" VARCHAR(64) NOT NULL,
    "hash" VARCHAR(64) NOT NULL,
    "xid" BIGINT,
    CONSTRAINT "uid_audit_event_order_i_253105" UNIQUE ("order_id", "seq")
) /* One step in an order's life, or a change of settings (order_id 0). Append-only, triggers see to it. */
-- next
CREATE TABLE "channels" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "connector" VARCHAR(40) NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "prefix" VARCHAR(16) NOT NULL  /* put before the store's order numbers */,
    "enabled" INT NOT NULL,
    "paused_reason" TEXT NOT NULL,
    "settings" TEXT NOT NULL,
    "secrets" TEXT NOT NULL,
    "poll_seconds" INT NOT NULL,
    "overlap_seconds" INT NOT NULL,
    "rescan_seconds" INT NOT NULL,
    "cursor_at" BIGINT,
    "pulled_at" BIGINT,
    "last_error" TEXT NOT NULL,
    "auto_process" INT NOT NULL,
    "auto_limit" BIGINT   /* minor units of auto_currency, above it a person processes */,
    "auto_currency" VARCHAR(3) NOT NULL,
    "auto_condition" TEXT NOT NULL  /* CEL, empty means every ready order */,
    "alert_addresses" TEXT NOT NULL,
    "alerted_at" BIGINT   /* up to when the people were told of orders that wait */,
    "stale_days" INT NOT NULL,
    "margin_floor" INT   /* percent of the order's items */,
    "created_at" BIGINT NOT NULL
) /* A place where things are sold. secrets are sealed (engine.vault), cursor_at is how far polling has stored. */
-- next
CREATE TABLE "heartbeats" (
    "id" VARCHAR(120) NOT NULL  PRIMARY KEY,
    "host" VARCHAR(120) NOT NULL,
    "pid" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "jobs_done" BIGINT NOT NULL,
    "version" VARCHAR(40) NOT NULL
) /* A worker process and when it was last alive. */
-- next
CREATE TABLE "inbound_messages" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "source" VARCHAR(20) NOT NULL  /* channel | supplier */,
    "source_id" INT NOT NULL,
    "external_id" VARCHAR(300) NOT NULL,
    "content_type" VARCHAR(80) NOT NULL,
    "body" BLOB NOT NULL,
    "digest" VARCHAR(64) NOT NULL  /* sha256 of source and body: the same bytes are stored once */,
    "received_at" BIGINT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "reason" TEXT NOT NULL,
    "field" VARCHAR(200) NOT NULL,
    "order_id" BIGINT,
    "handled_at" BIGINT,
    "attempts" INT NOT NULL,
    CONSTRAINT "uid_inbound_mes_source_ff938f" UNIQUE ("source", "source_id", "digest")
) /* A raw payload as received. state: stored, done, parked (with the reason), superseded or ignored. */
-- next
CREATE TABLE "listings" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_listings_channel_6ed692" UNIQUE ("channel_id", "sku")
) /* A channel's SKU. What it stands for is in its components: one product, or several for a kit. */
-- next
CREATE TABLE "orders" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "external_id" VARCHAR(120) NOT NULL,
    "number" VARCHAR(80) NOT NULL UNIQUE,
    "status" VARCHAR(20) NOT NULL,
    "version" INT NOT NULL,
    "audit_seq" INT NOT NULL,
    "audit_hash" VARCHAR(64) NOT NULL,
    "placed_at" BIGINT NOT NULL,
    "channel_updated_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "changed_at" BIGINT NOT NULL,
    "channel_state" VARCHAR(20) NOT NULL,
    "payment" VARCHAR(20) NOT NULL,
    "fraud" TEXT NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "total" BIGINT NOT NULL,
    "shipping_total" BIGINT NOT NULL,
    "tax_total" BIGINT NOT NULL,
    "discount_total" BIGINT NOT NULL,
    "customer" VARCHAR(200) NOT NULL,
    "email" VARCHAR(254) NOT NULL,
    "country" VARCHAR(2) NOT NULL,
    "ship_to" TEXT NOT NULL,
    "bill_to" TEXT,
    "shipping_rate" VARCHAR(200) NOT NULL,
    "note" TEXT NOT NULL,
    "fingerprint" VARCHAR(64) NOT NULL  /* sha256 of what the channel said, to notice changes */,
    "likeness" VARCHAR(64) NOT NULL  /* the same for orders that may be duplicates */,
    "waived" TEXT NOT NULL,
    "held" VARCHAR(300) NOT NULL,
    "snoozed_until" BIGINT,
    "auto" INT NOT NULL  /* processed by Auto Order Processing */,
    "inbound_id" BIGINT   /* the payload it was last read from */,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_orders_channel_077901" UNIQUE ("channel_id", "external_id")
) /* A customer's order at one channel. Money is minor units of currency. */
-- next
CREATE TABLE "holds" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "reason" VARCHAR(300) NOT NULL,
    "placed_at" BIGINT NOT NULL,
    "placed_by" VARCHAR(120) NOT NULL,
    "released_at" BIGINT,
    "released_by" VARCHAR(120) NOT NULL,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT
) /* A person stopped an order, it goes on when the hold is released. */
-- next
CREATE INDEX "idx_holds_order_i_5b51e6" ON "holds" ("order_id")
-- next
CREATE TABLE "issues" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "code" VARCHAR(40) NOT NULL,
    "message" TEXT NOT NULL,
    "field" VARCHAR(120) NOT NULL,
    "cause" VARCHAR(300) NOT NULL,
    "line_id" BIGINT,
    "purchase_order_id" BIGINT,
    "opened_at" BIGINT NOT NULL,
    "closed_at" BIGINT,
    "closed_by" VARCHAR(120) NOT NULL,
    "resolution" VARCHAR(40) NOT NULL,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT
) /* Why an order needs a person. cause is the same for every order that the same fix would clear. */
-- next
CREATE INDEX "idx_issues_order_i_1ad644" ON "issues" ("order_id")
-- next
CREATE TABLE "order_counts" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "channel_id" INT NOT NULL,
    "status" VARCHAR(20) NOT NULL,
    "n" BIGINT NOT NULL
) /* Kept counters: how many orders of a channel have a status. Rows are deltas, folded now and then, their sum counts. */
-- next
CREATE INDEX "idx_order_count_channel_a92743" ON "order_counts" ("channel_id", "status")
-- next
CREATE TABLE "outbox" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "task" VARCHAR(60) NOT NULL,
    "subject_id" BIGINT NOT NULL  /* the order, purchase order, shipment, channel … it is about */,
    "args" TEXT NOT NULL,
    "state" VARCHAR(10) NOT NULL,
    "run_at" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "attempts" INT NOT NULL,
    "token" VARCHAR(40) NOT NULL,
    "lease_until" BIGINT,
    "relayed_at" BIGINT,
    "error" TEXT NOT NULL,
    "finished_at" BIGINT
) /* A job. state: ready, claimed, done or dead. key is unique among the jobs that are not over. */
-- next
CREATE TABLE "products" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "sku" VARCHAR(120) NOT NULL UNIQUE,
    "title" VARCHAR(300) NOT NULL,
    "policy" VARCHAR(20) NOT NULL  /* priority | cost | stock */,
    "created_at" BIGINT NOT NULL
) /* Our own SKU. floor_margin and prices live with listings and orders, here is what it is. */
-- next
CREATE TABLE "listing_components" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "quantity" INT NOT NULL,
    "listing_id" INT NOT NULL REFERENCES "listings" ("id") ON DELETE CASCADE,
    "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_listing_com_listing_02c881" UNIQUE ("listing_id", "product_id")
) /* quantity pieces of a product in one piece of a listing. */
-- next
CREATE TABLE "schedules" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "key" VARCHAR(120) NOT NULL UNIQUE,
    "task" VARCHAR(60) NOT NULL,
    "subject_id" BIGINT NOT NULL,
    "every_seconds" REAL NOT NULL,
    "next_at" BIGINT NOT NULL,
    "enabled" INT NOT NULL
) /* Something to be done again and again, whoever moves next_at on writes the job. */
-- next
CREATE TABLE "suppliers" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "connector" VARCHAR(40) NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "code" VARCHAR(16) NOT NULL UNIQUE,
    "enabled" INT NOT NULL,
    "paused_reason" TEXT NOT NULL,
    "settings" TEXT NOT NULL,
    "secrets" TEXT NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "priority" INT NOT NULL,
    "poll_seconds" INT NOT NULL,
    "cursor" TEXT,
    "polled_at" BIGINT,
    "last_error" TEXT NOT NULL,
    "concurrency" INT NOT NULL,
    "settle_seconds" INT NOT NULL  /* how long after an attempt its absence at the supplier counts */,
    "ack_hours" INT NOT NULL,
    "tracking_hours" INT NOT NULL,
    "po_box_allowed" INT NOT NULL,
    "created_at" BIGINT NOT NULL
) /* Someone who ships for us. cursor is the connector's own text, priority 1 comes first. */
-- next
CREATE TABLE "order_lines" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "external_id" VARCHAR(120) NOT NULL,
    "position" INT NOT NULL,
    "sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "quantity" INT NOT NULL,
    "unit_price" BIGINT NOT NULL,
    "cancel_asked" INT NOT NULL,
    "allocated" INT NOT NULL,
    "submitted" INT NOT NULL,
    "acknowledged" INT NOT NULL,
    "backordered" INT NOT NULL,
    "shipped" INT NOT NULL,
    "canceled" INT NOT NULL,
    "returned" INT NOT NULL,
    "product_id" INT   /* what a person said it is, for this order only */,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "supplier_id" INT REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_order_lines_order_i_786f3a" UNIQUE ("order_id", "external_id")
) /* One line. shipped + canceled + open = quantity, always. */
-- next
CREATE TABLE "rules" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "name" VARCHAR(120) NOT NULL UNIQUE,
    "position" INT NOT NULL,
    "condition" TEXT NOT NULL,
    "enabled" INT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT
) /* A routing rule: where condition (CEL) holds, lines go to supplier. The lowest position that fits wins. */
-- next
CREATE TABLE "shipping_methods" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "code" VARCHAR(80) NOT NULL,
    "name" VARCHAR(120) NOT NULL,
    "carrier" VARCHAR(40) NOT NULL,
    "po_box_allowed" INT NOT NULL,
    "enabled" INT NOT NULL,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_shipping_me_supplie_7eccbc" UNIQUE ("supplier_id", "code")
) /* What a supplier offers, with the code it wants on a purchase order. */
-- next
CREATE TABLE "purchase_orders" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "po_number" VARCHAR(90) NOT NULL UNIQUE,
    "state" VARCHAR(20) NOT NULL,
    "version" INT NOT NULL,
    "back_to" VARCHAR(20) NOT NULL  /* the state before request_cancel */,
    "method_chosen" INT NOT NULL  /* by a person, so that no mapping replaces it */,
    "currency" VARCHAR(3) NOT NULL,
    "release_at" BIGINT,
    "attempt" INT NOT NULL,
    "lease_until" BIGINT,
    "lease_token" VARCHAR(40) NOT NULL,
    "document" BLOB,
    "reference" VARCHAR(120) NOT NULL,
    "message" TEXT NOT NULL,
    "superseded" INT NOT NULL  /* a person dealt with its end, others cover its quantity */,
    "created_at" BIGINT NOT NULL,
    "sent_at" BIGINT,
    "acknowledged_at" BIGINT,
    "ack_due_at" BIGINT,
    "tracking_due_at" BIGINT,
    "method_id" INT REFERENCES "shipping_methods" ("id") ON DELETE RESTRICT,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT
) /* What one supplier is asked to ship of one order. po_number is the idempotency key and never changes. */
-- next
CREATE INDEX "idx_purchase_or_order_i_9d8f48" ON "purchase_orders" ("order_id")
-- next
CREATE TABLE "acknowledgements" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "kind" VARCHAR(20) NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "reference" VARCHAR(120) NOT NULL,
    "message" TEXT NOT NULL,
    "occurred_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "inbound_id" BIGINT,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_acknowledge_purchas_11262d" UNIQUE ("purchase_order_id", "key")
) /* Something a supplier said of a purchase order. key is the supplier's, so that hearing it twice is harmless. */
-- next
CREATE TABLE "purchase_order_lines" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "position" INT NOT NULL,
    "product_id" INT NOT NULL,
    "sku" VARCHAR(120) NOT NULL,
    "supplier_sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "quantity" INT NOT NULL,
    "per_unit" INT NOT NULL,
    "unit_cost" BIGINT NOT NULL,
    "acknowledged" INT NOT NULL,
    "backordered" INT NOT NULL,
    "shipped" INT NOT NULL,
    "canceled" INT NOT NULL,
    "order_line_id" BIGINT NOT NULL REFERENCES "order_lines" ("id") ON DELETE RESTRICT,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT
) /* One line of a purchase order. per_unit pieces of the product make one piece of the order line (kits). */
-- next
CREATE INDEX "idx_purchase_or_purchas_1b9b9d" ON "purchase_order_lines" ("purchase_order_id")
-- next
CREATE INDEX "idx_purchase_or_order_l_5d2335" ON "purchase_order_lines" ("order_line_id")
-- next
CREATE TABLE "backorders" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "quantity" INT NOT NULL,
    "expected_at" BIGINT,
    "opened_at" BIGINT NOT NULL,
    "closed_at" BIGINT,
    "purchase_order_line_id" BIGINT NOT NULL REFERENCES "purchase_order_lines" ("id") ON DELETE RESTRICT
) /* A quantity the supplier will ship later. */
-- next
CREATE INDEX "idx_backorders_purchas_6690f9" ON "backorders" ("purchase_order_line_id")
-- next
CREATE TABLE "shipments" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "version" INT NOT NULL,
    "transit" VARCHAR(20) NOT NULL,
    "push" VARCHAR(20) NOT NULL,
    "push_attempt" INT NOT NULL,
    "lease_until" BIGINT,
    "lease_token" VARCHAR(40) NOT NULL,
    "carrier" VARCHAR(40) NOT NULL,
    "carrier_name" VARCHAR(120) NOT NULL,
    "service" VARCHAR(120) NOT NULL,
    "tracking_number" VARCHAR(120) NOT NULL,
    "tracking_url" TEXT NOT NULL,
    "shipped_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "channel_reference" VARCHAR(200) NOT NULL,
    "message" TEXT NOT NULL,
    "inbound_id" BIGINT,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_shipments_purchas_3ab91e" UNIQUE ("purchase_order_id", "key")
) /* One parcel. push is whether the channel knows, carrier our code, "" where the carrier is unknown to us. */
-- next
CREATE INDEX "idx_shipments_order_i_56faf1" ON "shipments" ("order_id")
-- next
CREATE INDEX "idx_shipments_trackin_5b9d7c" ON "shipments" ("tracking_number")
-- next
CREATE TABLE "shipment_lines" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "quantity" INT NOT NULL,
    "purchase_order_line_id" BIGINT NOT NULL REFERENCES "purchase_order_lines" ("id") ON DELETE RESTRICT,
    "shipment_id" BIGINT NOT NULL REFERENCES "shipments" ("id") ON DELETE RESTRICT
) /* quantity pieces of a purchase order line in a parcel. */
-- next
CREATE INDEX "idx_shipment_li_shipmen_47a70d" ON "shipment_lines" ("shipment_id")
-- next
CREATE TABLE "shipping_mappings" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "rate" VARCHAR(200) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "created_by" VARCHAR(120) NOT NULL,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    "method_id" INT NOT NULL REFERENCES "shipping_methods" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_shipping_ma_channel_f3605c" UNIQUE ("channel_id", "rate", "supplier_id")
) /* The rate a customer chose at a channel, turned into the method a supplier offers. */
-- next
CREATE TABLE "submissions" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "attempt" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "finished_at" BIGINT,
    "outcome" VARCHAR(20) NOT NULL,
    "message" TEXT NOT NULL,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_submissions_purchas_2e33a5" UNIQUE ("purchase_order_id", "attempt")
) /* One attempt to send a purchase order, written before the request leaves. */
-- next
CREATE TABLE "supplier_products" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "sku" VARCHAR(200) NOT NULL,
    "cost" BIGINT NOT NULL  /* minor units of the supplier's currency */,
    "accepted_cost" BIGINT   /* the cost a person last agreed to */,
    "stock" INT,
    "stock_at" BIGINT,
    "enabled" INT NOT NULL,
    "priority" INT   /* before the supplier's own priority */,
    "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_supplier_pr_supplie_32046c" UNIQUE ("supplier_id", "product_id"),
    CONSTRAINT "uid_supplier_pr_supplie_dc631b" UNIQUE ("supplier_id", "sku")
) /* A supplier's offer of a product. stock None means: not told, taken as enough. */
-- next
CREATE TABLE "tracking_pushes" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "attempt" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "finished_at" BIGINT,
    "outcome" VARCHAR(20) NOT NULL,
    "message" TEXT NOT NULL,
    "shipment_id" BIGINT NOT NULL REFERENCES "shipments" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_tracking_pu_shipmen_ed31ad" UNIQUE ("shipment_id", "attempt")
) /* One attempt to tell a channel about a parcel. */
-- next
CREATE TABLE "users" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "email" VARCHAR(254) NOT NULL,
    "role" VARCHAR(20) NOT NULL,
    "password_hash" VARCHAR(200) NOT NULL,
    "timezone" VARCHAR(60) NOT NULL,
    "enabled" INT NOT NULL,
    "created_at" BIGINT NOT NULL
) /* A person. role: viewer, operator, manager or admin. */
-- next
CREATE TABLE "api_tokens" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "name" VARCHAR(80) NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" BIGINT NOT NULL,
    "last_used_at" BIGINT,
    "expires_at" BIGINT,
    "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
) /* A token for the API, only its sha256 is kept. */
-- next
CREATE TABLE "saved_views" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "name" VARCHAR(80) NOT NULL,
    "filters" TEXT NOT NULL,
    "columns" TEXT NOT NULL,
    "shared" INT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "user_id" INT REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_saved_views_user_id_433e76" UNIQUE ("user_id", "name")
) /* A filter set someone gave a name. */
-- next
CREATE INDEX orders_status_channel ON orders (status, channel_id, placed_at DESC, id DESC)
-- next
CREATE INDEX orders_status ON orders (status, placed_at DESC, id DESC)
-- next
CREATE INDEX orders_channel ON orders (channel_id, placed_at DESC, id DESC)
-- next
CREATE INDEX orders_placed ON orders (placed_at DESC, id DESC)
-- next
CREATE INDEX orders_open ON orders (placed_at, id) WHERE status IN ('failed', 'on_hold', 'unresolved', 'ready')
-- next
CREATE INDEX orders_likeness ON orders (likeness)
-- next
CREATE INDEX orders_unfinished ON orders (channel_id, id) WHERE status NOT IN ('completed', 'canceled')
-- next
CREATE INDEX issues_cause ON issues (cause) WHERE closed_at IS NULL
-- next
CREATE INDEX issues_open ON issues (code, order_id) WHERE closed_at IS NULL
-- next
CREATE INDEX purchase_orders_supplier ON purchase_orders (supplier_id, state, created_at DESC, id DESC)
-- next
CREATE INDEX purchase_orders_leased ON purchase_orders (lease_until) WHERE lease_until IS NOT NULL
-- next
CREATE INDEX purchase_orders_ack_due ON purchase_orders (ack_due_at) WHERE ack_due_at IS NOT NULL
-- next
CREATE INDEX purchase_orders_tracking_due ON purchase_orders (tracking_due_at) WHERE tracking_due_at IS NOT NULL
-- next
CREATE INDEX purchase_orders_queued ON purchase_orders (release_at) WHERE state = 'queued'
-- next
CREATE INDEX purchase_orders_sent ON purchase_orders (sent_at) WHERE sent_at IS NOT NULL
-- next
CREATE INDEX shipments_unpushed ON shipments (push, id) WHERE push IN ('pending', 'pushing', 'failed')
-- next
CREATE UNIQUE INDEX outbox_live_key ON outbox (key) WHERE state IN ('ready', 'claimed')
-- next
CREATE INDEX outbox_ready ON outbox (run_at, id) WHERE state = 'ready'
-- next
CREATE INDEX outbox_claimed ON outbox (lease_until) WHERE state = 'claimed'
-- next
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead'
-- next
CREATE INDEX outbox_done ON outbox (finished_at) WHERE state = 'done'
-- next
CREATE INDEX inbound_open ON inbound_messages (state, id) WHERE state IN ('stored', 'parked')
-- next
CREATE INDEX inbound_order ON inbound_messages (order_id) WHERE order_id IS NOT NULL
-- next
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'the blue book is append-only'); END
-- next
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'the blue book is append-only'); END
-- next
CREATE TRIGGER order_lines_conserve_insert BEFORE INSERT ON order_lines WHEN NEW.shipped < 0 OR NEW.canceled < 0 OR NEW.quantity < 1 OR NEW.shipped + NEW.canceled > NEW.quantity BEGIN SELECT RAISE(ABORT, 'order_lines: shipped + canceled + open must equal quantity'); END
-- next
CREATE TRIGGER order_lines_conserve_update BEFORE UPDATE ON order_lines WHEN NEW.shipped < 0 OR NEW.canceled < 0 OR NEW.quantity < 1 OR NEW.shipped + NEW.canceled > NEW.quantity BEGIN SELECT RAISE(ABORT, 'order_lines: shipped + canceled + open must equal quantity'); END
-- next
CREATE TRIGGER purchase_order_lines_conserve_insert BEFORE INSERT ON purchase_order_lines WHEN NEW.shipped < 0 OR NEW.canceled < 0 OR NEW.quantity < 1 OR NEW.shipped + NEW.canceled > NEW.quantity BEGIN SELECT RAISE(ABORT, 'purchase_order_lines: shipped + canceled + open must equal quantity'); END
-- next
CREATE TRIGGER purchase_order_lines_conserve_update BEFORE UPDATE ON purchase_order_lines WHEN NEW.shipped < 0 OR NEW.canceled < 0 OR NEW.quantity < 1 OR NEW.shipped + NEW.canceled > NEW.quantity BEGIN SELECT RAISE(ABORT, 'purchase_order_lines: shipped + canceled + open must equal quantity'); END
-- next
CREATE TABLE terms (term TEXT NOT NULL, order_id INTEGER NOT NULL, PRIMARY KEY (term, order_id)) WITHOUT ROWID
-- next
CREATE INDEX terms_order ON terms (order_id, term)
-- next
CREATE INDEX orders_total ON orders (total, id)
-- next
CREATE INDEX issues_opened ON issues (opened_at, code)
-- next
CREATE INDEX orders_held ON orders (id) WHERE held <> ''
-- next
CREATE INDEX orders_snoozed ON orders (snoozed_until) WHERE snoozed_until IS NOT NULL
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_country" VARCHAR(2)   /* ISO 3166-1 alpha-2 */
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_postal_code" VARCHAR(20)
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_region" VARCHAR(80)
-- next
ALTER TABLE "orders" ADD COLUMN "issue_at" BIGINT   /* since when it has an open Issue, for lists */
-- next
ALTER TABLE "orders" ADD COLUMN "late_at" BIGINT   /* since when it has one that the supplier is late, for lists */
-- next
UPDATE orders SET issue_at = (SELECT MIN(opened_at) FROM issues WHERE order_id = orders.id AND closed_at IS NULL) WHERE id IN (SELECT order_id FROM issues WHERE closed_at IS NULL)
-- next
UPDATE orders SET late_at = (SELECT MIN(opened_at) FROM issues WHERE order_id = orders.id AND closed_at IS NULL AND code IN ('no_ack_in_time', 'no_tracking_in_time')) WHERE id IN (SELECT order_id FROM issues WHERE closed_at IS NULL AND code IN ('no_ack_in_time', 'no_tracking_in_time'))
-- next
INSERT INTO terms (term, order_id) SELECT SUBSTR('city:' || LOWER(TRIM(json_extract(ship_to, '$.city'))), 1, 40), id FROM orders WHERE TRIM(json_extract(ship_to, '$.city')) <> '' ORDER BY 1, 2 ON CONFLICT DO NOTHING
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'À', 'a'), 'Á', 'a'), 'Â', 'a'), 'Ã', 'a'), 'Ä', 'a'), 'Å', 'a'), 'Æ', 'ae'), 'Ç', 'c'), 'È', 'e'), 'É', 'e'), 'Ê', 'e'), 'Ë', 'e'), 'Ì', 'i'), 'Í', 'i'), 'Î', 'i'), 'Ï', 'i') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'À', 'a'), 'Á', 'a'), 'Â', 'a'), 'Ã', 'a'), 'Ä', 'a'), 'Å', 'a'), 'Æ', 'ae'), 'Ç', 'c'), 'È', 'e'), 'É', 'e'), 'Ê', 'e'), 'Ë', 'e'), 'Ì', 'i'), 'Í', 'i'), 'Î', 'i'), 'Ï', 'i')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ð', 'd'), 'Ñ', 'n'), 'Ò', 'o'), 'Ó', 'o'), 'Ô', 'o'), 'Õ', 'o'), 'Ö', 'o'), 'Ø', 'o'), 'Ù', 'u'), 'Ú', 'u'), 'Û', 'u'), 'Ü', 'u'), 'Ý', 'y'), 'Þ', 'th'), 'ß', 'ss'), 'à', 'a') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ð', 'd'), 'Ñ', 'n'), 'Ò', 'o'), 'Ó', 'o'), 'Ô', 'o'), 'Õ', 'o'), 'Ö', 'o'), 'Ø', 'o'), 'Ù', 'u'), 'Ú', 'u'), 'Û', 'u'), 'Ü', 'u'), 'Ý', 'y'), 'Þ', 'th'), 'ß', 'ss'), 'à', 'a')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'á', 'a'), 'â', 'a'), 'ã', 'a'), 'ä', 'a'), 'å', 'a'), 'æ', 'ae'), 'ç', 'c'), 'è', 'e'), 'é', 'e'), 'ê', 'e'), 'ë', 'e'), 'ì', 'i'), 'í', 'i'), 'î', 'i'), 'ï', 'i'), 'ð', 'd') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'á', 'a'), 'â', 'a'), 'ã', 'a'), 'ä', 'a'), 'å', 'a'), 'æ', 'ae'), 'ç', 'c'), 'è', 'e'), 'é', 'e'), 'ê', 'e'), 'ë', 'e'), 'ì', 'i'), 'í', 'i'), 'î', 'i'), 'ï', 'i'), 'ð', 'd')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ñ', 'n'), 'ò', 'o'), 'ó', 'o'), 'ô', 'o'), 'õ', 'o'), 'ö', 'o'), 'ø', 'o'), 'ù', 'u'), 'ú', 'u'), 'û', 'u'), 'ü', 'u'), 'ý', 'y'), 'þ', 'th'), 'ÿ', 'y'), 'Ā', 'a'), 'ā', 'a') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ñ', 'n'), 'ò', 'o'), 'ó', 'o'), 'ô', 'o'), 'õ', 'o'), 'ö', 'o'), 'ø', 'o'), 'ù', 'u'), 'ú', 'u'), 'û', 'u'), 'ü', 'u'), 'ý', 'y'), 'þ', 'th'), 'ÿ', 'y'), 'Ā', 'a'), 'ā', 'a')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ă', 'a'), 'ă', 'a'), 'Ą', 'a'), 'ą', 'a'), 'Ć', 'c'), 'ć', 'c'), 'Ĉ', 'c'), 'ĉ', 'c'), 'Ċ', 'c'), 'ċ', 'c'), 'Č', 'c'), 'č', 'c'), 'Ď', 'd'), 'ď', 'd'), 'Đ', 'd'), 'đ', 'd') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ă', 'a'), 'ă', 'a'), 'Ą', 'a'), 'ą', 'a'), 'Ć', 'c'), 'ć', 'c'), 'Ĉ', 'c'), 'ĉ', 'c'), 'Ċ', 'c'), 'ċ', 'c'), 'Č', 'c'), 'č', 'c'), 'Ď', 'd'), 'ď', 'd'), 'Đ', 'd'), 'đ', 'd')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ē', 'e'), 'ē', 'e'), 'Ĕ', 'e'), 'ĕ', 'e'), 'Ė', 'e'), 'ė', 'e'), 'Ę', 'e'), 'ę', 'e'), 'Ě', 'e'), 'ě', 'e'), 'Ĝ', 'g'), 'ĝ', 'g'), 'Ğ', 'g'), 'ğ', 'g'), 'Ġ', 'g'), 'ġ', 'g') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ē', 'e'), 'ē', 'e'), 'Ĕ', 'e'), 'ĕ', 'e'), 'Ė', 'e'), 'ė', 'e'), 'Ę', 'e'), 'ę', 'e'), 'Ě', 'e'), 'ě', 'e'), 'Ĝ', 'g'), 'ĝ', 'g'), 'Ğ', 'g'), 'ğ', 'g'), 'Ġ', 'g'), 'ġ', 'g')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ģ', 'g'), 'ģ', 'g'), 'Ĥ', 'h'), 'ĥ', 'h'), 'Ħ', 'ħ'), 'Ĩ', 'i'), 'ĩ', 'i'), 'Ī', 'i'), 'ī', 'i'), 'Ĭ', 'i'), 'ĭ', 'i'), 'Į', 'i'), 'į', 'i'), 'İ', 'i'), 'ı', 'i'), 'Ĳ', 'ij') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ģ', 'g'), 'ģ', 'g'), 'Ĥ', 'h'), 'ĥ', 'h'), 'Ħ', 'ħ'), 'Ĩ', 'i'), 'ĩ', 'i'), 'Ī', 'i'), 'ī', 'i'), 'Ĭ', 'i'), 'ĭ', 'i'), 'Į', 'i'), 'į', 'i'), 'İ', 'i'), 'ı', 'i'), 'Ĳ', 'ij')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ĳ', 'ij'), 'Ĵ', 'j'), 'ĵ', 'j'), 'Ķ', 'k'), 'ķ', 'k'), 'Ĺ', 'l'), 'ĺ', 'l'), 'Ļ', 'l'), 'ļ', 'l'), 'Ľ', 'l'), 'ľ', 'l'), 'Ŀ', 'l·'), 'ŀ', 'l·'), 'Ł', 'l'), 'ł', 'l'), 'Ń', 'n') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ĳ', 'ij'), 'Ĵ', 'j'), 'ĵ', 'j'), 'Ķ', 'k'), 'ķ', 'k'), 'Ĺ', 'l'), 'ĺ', 'l'), 'Ļ', 'l'), 'ļ', 'l'), 'Ľ', 'l'), 'ľ', 'l'), 'Ŀ', 'l·'), 'ŀ', 'l·'), 'Ł', 'l'), 'ł', 'l'), 'Ń', 'n')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ń', 'n'), 'Ņ', 'n'), 'ņ', 'n'), 'Ň', 'n'), 'ň', 'n'), 'ŉ', 'ʼn'), 'Ŋ', 'ŋ'), 'Ō', 'o'), 'ō', 'o'), 'Ŏ', 'o'), 'ŏ', 'o'), 'Ő', 'o'), 'ő', 'o'), 'Œ', 'oe'), 'œ', 'oe'), 'Ŕ', 'r') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ń', 'n'), 'Ņ', 'n'), 'ņ', 'n'), 'Ň', 'n'), 'ň', 'n'), 'ŉ', 'ʼn'), 'Ŋ', 'ŋ'), 'Ō', 'o'), 'ō', 'o'), 'Ŏ', 'o'), 'ŏ', 'o'), 'Ő', 'o'), 'ő', 'o'), 'Œ', 'oe'), 'œ', 'oe'), 'Ŕ', 'r')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ŕ', 'r'), 'Ŗ', 'r'), 'ŗ', 'r'), 'Ř', 'r'), 'ř', 'r'), 'Ś', 's'), 'ś', 's'), 'Ŝ', 's'), 'ŝ', 's'), 'Ş', 's'), 'ş', 's'), 'Š', 's'), 'š', 's'), 'Ţ', 't'), 'ţ', 't'), 'Ť', 't') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ŕ', 'r'), 'Ŗ', 'r'), 'ŗ', 'r'), 'Ř', 'r'), 'ř', 'r'), 'Ś', 's'), 'ś', 's'), 'Ŝ', 's'), 'ŝ', 's'), 'Ş', 's'), 'ş', 's'), 'Š', 's'), 'š', 's'), 'Ţ', 't'), 'ţ', 't'), 'Ť', 't')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ť', 't'), 'Ŧ', 'ŧ'), 'Ũ', 'u'), 'ũ', 'u'), 'Ū', 'u'), 'ū', 'u'), 'Ŭ', 'u'), 'ŭ', 'u'), 'Ů', 'u'), 'ů', 'u'), 'Ű', 'u'), 'ű', 'u'), 'Ų', 'u'), 'ų', 'u'), 'Ŵ', 'w'), 'ŵ', 'w') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ť', 't'), 'Ŧ', 'ŧ'), 'Ũ', 'u'), 'ũ', 'u'), 'Ū', 'u'), 'ū', 'u'), 'Ŭ', 'u'), 'ŭ', 'u'), 'Ů', 'u'), 'ů', 'u'), 'Ű', 'u'), 'ű', 'u'), 'Ų', 'u'), 'ų', 'u'), 'Ŵ', 'w'), 'ŵ', 'w')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ŷ', 'y'), 'ŷ', 'y'), 'Ÿ', 'y'), 'Ź', 'z'), 'ź', 'z'), 'Ż', 'z'), 'ż', 'z'), 'Ž', 'z'), 'ž', 'z'), 'ſ', 's') WHERE term >= 'city:' AND term < 'city;' AND term GLOB '*[^ -~]*' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ŷ', 'y'), 'ŷ', 'y'), 'Ÿ', 'y'), 'Ź', 'z'), 'ź', 'z'), 'Ż', 'z'), 'ż', 'z'), 'Ž', 'z'), 'ž', 'z'), 'ſ', 's')
-- next
CREATE INDEX orders_issue ON orders (status, placed_at, id, total, issue_at) WHERE issue_at IS NOT NULL
-- next
CREATE INDEX orders_late ON orders (status, placed_at, id, total, late_at) WHERE late_at IS NOT NULL
-- next
DROP INDEX orders_open
-- next
CREATE INDEX orders_open ON orders (placed_at, id, total, status) WHERE status IN ('failed', 'on_hold', 'unresolved', 'ready')
-- next
CREATE TABLE "invitations" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "role" VARCHAR(20) NOT NULL,
    "invited_by" VARCHAR(120) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL,
    "used_at" BIGINT,
    "user_id" INT REFERENCES "users" ("id") ON DELETE CASCADE
) /* A link that works once: to become a user of a role, or for ``user`` to choose a password. Only its sha256 is kept. */
-- next
CREATE TABLE "login_attempts" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "subject" VARCHAR(64) NOT NULL UNIQUE,
    "failures" INT NOT NULL,
    "last_at" BIGINT NOT NULL,
    "locked_until" BIGINT
) /* Failed log-ins by a name or from an address (``subject`` is a hash of it), and until when it is locked out. */
-- next
CREATE TABLE "sessions" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL,
    "address" VARCHAR(60) NOT NULL,
    "agent" VARCHAR(200) NOT NULL,
    "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
) /* Someone who logged in, somewhere. Only the sha256 of the token is kept. */
-- next
ALTER TABLE "saved_views" ADD COLUMN "query" TEXT
-- next
ALTER TABLE "saved_views" ADD COLUMN "sort" VARCHAR(60)
-- next
ALTER TABLE "users" ADD COLUMN "logged_in_at" BIGINT
-- next
CREATE INDEX sessions_user ON sessions (user_id)
-- next
CREATE INDEX invitations_user ON invitations (user_id)
-- next
CREATE INDEX saved_views_shared ON saved_views (name) WHERE shared
-- next
CREATE TABLE "control_counters" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "partner" VARCHAR(80) NOT NULL UNIQUE,
    "given" INT NOT NULL
) /* The last control number given out at a partner. */
-- next
CREATE TABLE "control_numbers" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "partner" VARCHAR(80) NOT NULL,
    "number" INT NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "kind" VARCHAR(8) NOT NULL  /* 850, 860, 997 */,
    "subject" VARCHAR(90) NOT NULL  /* the purchase order's number */,
    "given_at" BIGINT NOT NULL,
    "waiting" SMALLINT NOT NULL,
    "due_after" BIGINT NOT NULL,
    "answered_at" BIGINT,
    "answer" TEXT NOT NULL,
    CONSTRAINT "uid_control_num_partner_fe5a1c" UNIQUE ("partner", "number"),
    CONSTRAINT "uid_control_num_partner_48fe79" UNIQUE ("partner", "key")
) /* A numbered document: which number between us and a partner it was given, once and for good. */
-- next
CREATE INDEX "idx_control_num_subject_96f7d6" ON "control_numbers" ("subject")
-- next
CREATE INDEX control_numbers_waiting ON control_numbers (id) WHERE waiting = 1
-- next
CREATE TABLE "supplier_answers" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "used_at" BIGINT NOT NULL,
    "said" VARCHAR(300) NOT NULL  /* in a sentence, for whoever opens the link again */,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE CASCADE
) /* A link that a supplier's people have used: each works once. Only the sha256 of its token is kept. */
-- next
ALTER TABLE "suppliers" ADD COLUMN "holidays" TEXT   /* days off: 2026-12-24, 12-25 for every year, 2026-07-27..2026-08-07 */
-- next
ALTER TABLE "suppliers" ADD COLUMN "work_hours" VARCHAR(120)   /* when deadlines run: Mon-Fri 09:00-17:00, null for always */
-- next
ALTER TABLE "suppliers" ADD COLUMN "work_timezone" VARCHAR(64)   /* IANA name, null for UTC */
-- next
CREATE TABLE "posted_messages" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "direction" VARCHAR(3) NOT NULL  /* out, in */,
    "message_id" VARCHAR(1000) NOT NULL,
    "kind" VARCHAR(8) NOT NULL  /* 850, 860, 997 */,
    "subject" VARCHAR(90) NOT NULL  /* the purchase order's number */,
    "digest" VARCHAR(64) NOT NULL,
    "mics" TEXT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "words" TEXT NOT NULL,
    "posted_at" BIGINT NOT NULL,
    "settled_at" BIGINT,
    "receipt" TEXT NOT NULL,
    "receipt_body" BLOB,
    "inbound_id" BIGINT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_posted_mess_supplie_19c9b9" UNIQUE ("supplier_id", "direction", "message_id")
) /* A message exchanged with a supplier by AS2: ours with what became of it, theirs with the receipt they were given. */
-- next
CREATE INDEX "idx_posted_mess_supplie_c86a0f" ON "posted_messages" ("supplier_id", "kind", "subject")
-- next
CREATE TABLE "supplier_invoices" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "number" VARCHAR(120) NOT NULL,
    "credit" INT NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "total" BIGINT,
    "charges" BIGINT NOT NULL,
    "lines" TEXT NOT NULL,
    "state" VARCHAR(12) NOT NULL  /* new, matched, waits, differs, accepted */,
    "reason" TEXT NOT NULL,
    "occurred_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "due_at" BIGINT NOT NULL  /* from when one that waits is for a person */,
    "inbound_id" BIGINT,
    "decided_at" BIGINT,
    "decided_by" VARCHAR(120) NOT NULL,
    "note" TEXT NOT NULL,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT
) /* What a supplier charges for one purchase order, or credits. */
-- next
CREATE INDEX "idx_supplier_in_purchas_cd2081" ON "supplier_invoices" ("purchase_order_id")
-- next
CREATE INDEX "idx_supplier_in_number_8615fe" ON "supplier_invoices" ("number")
-- next
ALTER TABLE "suppliers" ADD COLUMN "cost_tolerance" INT NOT NULL  /* percent a cost may differ without a person */ DEFAULT 0
-- next
ALTER TABLE "suppliers" ADD COLUMN "stock_heard_at" BIGINT   /* when it last told of any stock by itself */
-- next
ALTER TABLE "suppliers" ADD COLUMN "stock_hours" INT NOT NULL  /* how old its stock may be and still be believed, 0: any age */ DEFAULT 48
-- next
ALTER TABLE "supplier_products" ADD COLUMN "cost_at" BIGINT   /* when the cost was last told */
-- next
CREATE INDEX supplier_invoices_open ON supplier_invoices (due_at) WHERE state IN ('new', 'waits')
-- next
CREATE TABLE "grants" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "mark" VARCHAR(64) NOT NULL  /* sha256 of the connector and its credentials */,
    "name" VARCHAR(120) NOT NULL,
    "access_token" TEXT NOT NULL,
    "until" BIGINT,
    "refresh_token" TEXT NOT NULL,
    "refresh_until" BIGINT,
    "version" INT NOT NULL,
    "saved_at" BIGINT NOT NULL,
    "lease_token" VARCHAR(40) NOT NULL,
    "lease_until" BIGINT,
    CONSTRAINT "uid_grants_mark_c44a37" UNIQUE ("mark", "name")
) /* What a token endpoint gave for these credentials, its tokens sealed (engine.vault). */
-- next
CREATE TABLE "rate_buckets" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "source" VARCHAR(20) NOT NULL  /* channels | suppliers */,
    "source_id" INT NOT NULL,
    "name" VARCHAR(120) NOT NULL  /* the operation */,
    "level" REAL NOT NULL,
    "at" BIGINT NOT NULL  /* when the level was that */,
    CONSTRAINT "uid_rate_bucket_source_47f88e" UNIQUE ("source", "source_id", "name")
) /* How many tokens of a peer's rate limit are left, below 0 where some are promised already. Shared by all workers. */
-- next
ALTER TABLE "order_lines" ADD COLUMN "cancel_told" INT
-- next
ALTER TABLE "channels" ADD COLUMN "walk" TEXT   /* where a poll that had to stop goes on, as JSON */
-- next
CREATE TABLE "webhooks" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "url" VARCHAR(500) NOT NULL,
    "secret" TEXT NOT NULL,
    "events" TEXT NOT NULL,
    "enabled" INT NOT NULL,
    "cursor" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "answered_at" BIGINT,
    "last_error" TEXT NOT NULL
) /* An address of somebody else's that is called when something happens to an order. ``secret`` is sealed. */
-- next
CREATE TABLE "api_calls" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "digest" VARCHAR(64) NOT NULL,
    "begun_at" BIGINT NOT NULL,
    "status" INT,
    "headers" TEXT NOT NULL,
    "body" BLOB,
    "token_id" INT NOT NULL REFERENCES "api_tokens" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_api_calls_token_i_692008" UNIQUE ("token_id", "key")
) /* A call made under a key of the caller, with its answer, whose status is null while it is under way. */
-- next
CREATE INDEX "idx_api_calls_begun_a_8ea89f" ON "api_calls" ("begun_at")
-- next
ALTER TABLE "api_tokens" ADD COLUMN "hint" VARCHAR(12) NOT NULL DEFAULT ''
-- next
ALTER TABLE "api_tokens" ADD COLUMN "revoked_at" BIGINT
-- next
ALTER TABLE "api_tokens" ADD COLUMN "scopes" VARCHAR(400) NOT NULL DEFAULT ''
-- next
CREATE TABLE "listed_items" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "external_id" VARCHAR(200) NOT NULL,
    "sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "barcode" VARCHAR(40) NOT NULL,
    "gtin" VARCHAR(14) NOT NULL  /* the barcode's 14 digits, by which it is compared */,
    "active" INT NOT NULL  /* somebody can buy it now */,
    "first_at" BIGINT NOT NULL  /* when it was imported first */,
    "seen_at" BIGINT NOT NULL  /* when it was imported last */,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_listed_item_channel_61a990" UNIQUE ("channel_id", "external_id")
) /* Something a channel says it offers, as it was imported. What its SKU stands for is a Listing. */
-- next
CREATE INDEX "idx_listed_item_channel_dadbd8" ON "listed_items" ("channel_id", "sku")
-- next
CREATE INDEX "idx_listed_item_gtin_3bb4af" ON "listed_items" ("gtin")
-- next
ALTER TABLE "channels" ADD COLUMN "listings_at" BIGINT   /* when its listings were last imported as a whole */
-- next
ALTER TABLE "channels" ADD COLUMN "listings_error" TEXT NOT NULL DEFAULT ''
-- next
ALTER TABLE "channels" ADD COLUMN "listings_seconds" INT NOT NULL  /* how often its listings are imported, 0: only when asked */ DEFAULT 86400
-- next
ALTER TABLE "products" ADD COLUMN "barcode" VARCHAR(40) NOT NULL  /* UPC, EAN or ISBN, as somebody wrote it */ DEFAULT ''
-- next
ALTER TABLE "products" ADD COLUMN "gtin" VARCHAR(14) NOT NULL  /* the barcode's 14 digits, by which it is compared */ DEFAULT ''
-- next
CREATE INDEX products_gtin ON products (gtin) WHERE gtin <> ''
-- next
ALTER TABLE "webhooks" ADD COLUMN "former_secrets" TEXT NOT NULL DEFAULT '[]'
-- next
ALTER TABLE "orders" ADD COLUMN "cancel_wish" TEXT   /* what its customer asks to cancel, and why */
-- next
ALTER TABLE "order_lines" ADD COLUMN "added" INT
-- next
CREATE INDEX outbox_again ON outbox (task, created_at, id, subject_id) WHERE state IN ('ready', 'claimed') AND error <> ''
-- next
CREATE INDEX purchase_orders_sent_of ON purchase_orders (sent_at, order_id) WHERE sent_at IS NOT NULL
-- next
DROP INDEX purchase_orders_sent
-- next
ALTER TABLE "channels" ADD COLUMN "archived_at" BIGINT   /* removed then: in no list, its orders stay */
-- next
ALTER TABLE "suppliers" ADD COLUMN "archived_at" BIGINT   /* removed then: in no list, its orders stay */
-- next
CREATE INDEX supplier_invoices_state ON supplier_invoices (state, id)
