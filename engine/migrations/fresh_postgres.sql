-- 0001_initial 0002_indexes_triggers_and_terms 0003_read_indexes 0004_warehouses 0005_lists 0006_people 0007_control_numbers 0008_supplier_answers 0009_posted_messages 0010_supplier_invoices 0011_rate_buckets_and_grants 0012_cancel_told 0013_channel_walk 0014_webhooks 0015_api 0016_offered_listings 0017_webhook_secrets 0018_cancel_wish 0019_line_added 0020_unsent_index 0021_sent_orders_index 0022_removed_connections 0023_invoices_by_state
-- next
CREATE TABLE "tortoise_migrations" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "app" VARCHAR(255) NOT NULL,
    "name" VARCHAR(255) NOT NULL,
    "applied_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "uid_tortoise_mi_app_3803a5" UNIQUE ("app", "name")
)
-- next
CREATE TABLE "audit_events" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "order_id" BIGINT NOT NULL,
    "seq" INT NOT NULL,
    "at" BIGINT NOT NULL,
    "actor" VARCHAR(120) NOT NULL,
    "tag" VARCHAR(80) NOT NULL,
    "subject" VARCHAR(320) NOT NULL,
    "message" TEXT NOT NULL,
    "cause" VARCHAR(200) NOT NULL,
    "before" TEXT NOT NULL,
    "after" TEXT NOT NULL,
    "data" TEXT NOT NULL,
    "inbound_id" BIGINT,
    "prev_hash" VARCHAR(64) NOT NULL,
    "hash" VARCHAR(64) NOT NULL,
    "xid" BIGINT,
    CONSTRAINT "uid_audit_event_order_i_253105" UNIQUE ("order_id", "seq")
);
COMMENT ON COLUMN "audit_events"."tag" IS 'source:subject:action';
COMMENT ON COLUMN "audit_events"."subject" IS 'order, line.5, po.7, shipment.9, or a setting';
COMMENT ON COLUMN "audit_events"."cause" IS 'what led to it: a job, a key, a payload';
COMMENT ON TABLE "audit_events" IS 'One step in an order''s life, or a change of settings (order_id 0). Append-only, triggers see to it.'
-- next
CREATE TABLE "channels" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "connector" VARCHAR(40) NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "prefix" VARCHAR(16) NOT NULL,
    "enabled" BOOL NOT NULL,
    "paused_reason" TEXT NOT NULL,
    "settings" TEXT NOT NULL,
    "secrets" TEXT NOT NULL,
    "poll_seconds" INT NOT NULL,
    "overlap_seconds" INT NOT NULL,
    "rescan_seconds" INT NOT NULL,
    "cursor_at" BIGINT,
    "pulled_at" BIGINT,
    "last_error" TEXT NOT NULL,
    "auto_process" BOOL NOT NULL,
    "auto_limit" BIGINT,
    "auto_currency" VARCHAR(3) NOT NULL,
    "auto_condition" TEXT NOT NULL,
    "alert_addresses" TEXT NOT NULL,
    "alerted_at" BIGINT,
    "stale_days" INT NOT NULL,
    "margin_floor" INT,
    "created_at" BIGINT NOT NULL
);
COMMENT ON COLUMN "channels"."prefix" IS 'put before the store''s order numbers';
COMMENT ON COLUMN "channels"."auto_limit" IS 'minor units of auto_currency, above it a person processes';
COMMENT ON COLUMN "channels"."auto_condition" IS 'CEL, empty means every ready order';
COMMENT ON COLUMN "channels"."alerted_at" IS 'up to when the people were told of orders that wait';
COMMENT ON COLUMN "channels"."margin_floor" IS 'percent of the order''s items';
COMMENT ON TABLE "channels" IS 'A place where things are sold. secrets are sealed (engine.vault), cursor_at is how far polling has stored.'
-- next
CREATE TABLE "heartbeats" (
    "id" VARCHAR(120) NOT NULL  PRIMARY KEY,
    "host" VARCHAR(120) NOT NULL,
    "pid" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "jobs_done" BIGINT NOT NULL,
    "version" VARCHAR(40) NOT NULL
);
COMMENT ON TABLE "heartbeats" IS 'A worker process and when it was last alive.'
-- next
CREATE TABLE "inbound_messages" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "source" VARCHAR(20) NOT NULL,
    "source_id" INT NOT NULL,
    "external_id" VARCHAR(300) NOT NULL,
    "content_type" VARCHAR(80) NOT NULL,
    "body" BYTEA NOT NULL,
    "digest" VARCHAR(64) NOT NULL,
    "received_at" BIGINT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "reason" TEXT NOT NULL,
    "field" VARCHAR(200) NOT NULL,
    "order_id" BIGINT,
    "handled_at" BIGINT,
    "attempts" INT NOT NULL,
    CONSTRAINT "uid_inbound_mes_source_ff938f" UNIQUE ("source", "source_id", "digest")
);
COMMENT ON COLUMN "inbound_messages"."source" IS 'channel | supplier';
COMMENT ON COLUMN "inbound_messages"."digest" IS 'sha256 of source and body: the same bytes are stored once';
COMMENT ON TABLE "inbound_messages" IS 'A raw payload as received. state: stored, done, parked (with the reason), superseded or ignored.'
-- next
CREATE TABLE "listings" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_listings_channel_6ed692" UNIQUE ("channel_id", "sku")
);
COMMENT ON TABLE "listings" IS 'A channel''s SKU. What it stands for is in its components: one product, or several for a kit.'
-- next
CREATE TABLE "orders" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
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
    "fingerprint" VARCHAR(64) NOT NULL,
    "likeness" VARCHAR(64) NOT NULL,
    "waived" TEXT NOT NULL,
    "held" VARCHAR(300) NOT NULL,
    "snoozed_until" BIGINT,
    "auto" BOOL NOT NULL,
    "inbound_id" BIGINT,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_orders_channel_077901" UNIQUE ("channel_id", "external_id")
);
COMMENT ON COLUMN "orders"."fingerprint" IS 'sha256 of what the channel said, to notice changes';
COMMENT ON COLUMN "orders"."likeness" IS 'the same for orders that may be duplicates';
COMMENT ON COLUMN "orders"."auto" IS 'processed by Auto Order Processing';
COMMENT ON COLUMN "orders"."inbound_id" IS 'the payload it was last read from';
COMMENT ON TABLE "orders" IS 'A customer''s order at one channel. Money is minor units of currency.'
-- next
CREATE TABLE "holds" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "reason" VARCHAR(300) NOT NULL,
    "placed_at" BIGINT NOT NULL,
    "placed_by" VARCHAR(120) NOT NULL,
    "released_at" BIGINT,
    "released_by" VARCHAR(120) NOT NULL,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_holds_order_i_5b51e6" ON "holds" ("order_id");
COMMENT ON TABLE "holds" IS 'A person stopped an order, it goes on when the hold is released.'
-- next
CREATE TABLE "issues" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
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
);
CREATE INDEX "idx_issues_order_i_1ad644" ON "issues" ("order_id");
COMMENT ON TABLE "issues" IS 'Why an order needs a person. cause is the same for every order that the same fix would clear.'
-- next
CREATE TABLE "order_counts" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "channel_id" INT NOT NULL,
    "status" VARCHAR(20) NOT NULL,
    "n" BIGINT NOT NULL
);
CREATE INDEX "idx_order_count_channel_a92743" ON "order_counts" ("channel_id", "status");
COMMENT ON TABLE "order_counts" IS 'Kept counters: how many orders of a channel have a status. Rows are deltas, folded now and then, their sum counts.'
-- next
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "key" VARCHAR(200) NOT NULL,
    "task" VARCHAR(60) NOT NULL,
    "subject_id" BIGINT NOT NULL,
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
);
COMMENT ON COLUMN "outbox"."subject_id" IS 'the order, purchase order, shipment, channel … it is about';
COMMENT ON TABLE "outbox" IS 'A job. state: ready, claimed, done or dead. key is unique among the jobs that are not over.'
-- next
CREATE TABLE "products" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "sku" VARCHAR(120) NOT NULL UNIQUE,
    "title" VARCHAR(300) NOT NULL,
    "policy" VARCHAR(20) NOT NULL,
    "created_at" BIGINT NOT NULL
);
COMMENT ON COLUMN "products"."policy" IS 'priority | cost | stock';
COMMENT ON TABLE "products" IS 'Our own SKU. floor_margin and prices live with listings and orders, here is what it is.'
-- next
CREATE TABLE "listing_components" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "quantity" INT NOT NULL,
    "listing_id" INT NOT NULL REFERENCES "listings" ("id") ON DELETE CASCADE,
    "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_listing_com_listing_02c881" UNIQUE ("listing_id", "product_id")
);
COMMENT ON TABLE "listing_components" IS 'quantity pieces of a product in one piece of a listing.'
-- next
CREATE TABLE "schedules" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "key" VARCHAR(120) NOT NULL UNIQUE,
    "task" VARCHAR(60) NOT NULL,
    "subject_id" BIGINT NOT NULL,
    "every_seconds" DOUBLE PRECISION NOT NULL,
    "next_at" BIGINT NOT NULL,
    "enabled" BOOL NOT NULL
);
COMMENT ON TABLE "schedules" IS 'Something to be done again and again, whoever moves next_at on writes the job.'
-- next
CREATE TABLE "suppliers" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "connector" VARCHAR(40) NOT NULL,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "code" VARCHAR(16) NOT NULL UNIQUE,
    "enabled" BOOL NOT NULL,
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
    "settle_seconds" INT NOT NULL,
    "ack_hours" INT NOT NULL,
    "tracking_hours" INT NOT NULL,
    "po_box_allowed" BOOL NOT NULL,
    "created_at" BIGINT NOT NULL
);
COMMENT ON COLUMN "suppliers"."settle_seconds" IS 'how long after an attempt its absence at the supplier counts';
COMMENT ON TABLE "suppliers" IS 'Someone who ships for us. cursor is the connector''s own text, priority 1 comes first.'
-- next
CREATE TABLE "order_lines" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
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
    "product_id" INT,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "supplier_id" INT REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_order_lines_order_i_786f3a" UNIQUE ("order_id", "external_id")
);
COMMENT ON COLUMN "order_lines"."product_id" IS 'what a person said it is, for this order only';
COMMENT ON TABLE "order_lines" IS 'One line. shipped + canceled + open = quantity, always.'
-- next
CREATE TABLE "rules" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(120) NOT NULL UNIQUE,
    "position" INT NOT NULL,
    "condition" TEXT NOT NULL,
    "enabled" BOOL NOT NULL,
    "created_at" BIGINT NOT NULL,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT
);
COMMENT ON TABLE "rules" IS 'A routing rule: where condition (CEL) holds, lines go to supplier. The lowest position that fits wins.'
-- next
CREATE TABLE "shipping_methods" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "code" VARCHAR(80) NOT NULL,
    "name" VARCHAR(120) NOT NULL,
    "carrier" VARCHAR(40) NOT NULL,
    "po_box_allowed" BOOL NOT NULL,
    "enabled" BOOL NOT NULL,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_shipping_me_supplie_7eccbc" UNIQUE ("supplier_id", "code")
);
COMMENT ON TABLE "shipping_methods" IS 'What a supplier offers, with the code it wants on a purchase order.'
-- next
CREATE TABLE "purchase_orders" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "po_number" VARCHAR(90) NOT NULL UNIQUE,
    "state" VARCHAR(20) NOT NULL,
    "version" INT NOT NULL,
    "back_to" VARCHAR(20) NOT NULL,
    "method_chosen" BOOL NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "release_at" BIGINT,
    "attempt" INT NOT NULL,
    "lease_until" BIGINT,
    "lease_token" VARCHAR(40) NOT NULL,
    "document" BYTEA,
    "reference" VARCHAR(120) NOT NULL,
    "message" TEXT NOT NULL,
    "superseded" BOOL NOT NULL,
    "created_at" BIGINT NOT NULL,
    "sent_at" BIGINT,
    "acknowledged_at" BIGINT,
    "ack_due_at" BIGINT,
    "tracking_due_at" BIGINT,
    "method_id" INT REFERENCES "shipping_methods" ("id") ON DELETE RESTRICT,
    "order_id" BIGINT NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_purchase_or_order_i_9d8f48" ON "purchase_orders" ("order_id");
COMMENT ON COLUMN "purchase_orders"."back_to" IS 'the state before request_cancel';
COMMENT ON COLUMN "purchase_orders"."method_chosen" IS 'by a person, so that no mapping replaces it';
COMMENT ON COLUMN "purchase_orders"."superseded" IS 'a person dealt with its end, others cover its quantity';
COMMENT ON TABLE "purchase_orders" IS 'What one supplier is asked to ship of one order. po_number is the idempotency key and never changes.'
-- next
CREATE TABLE "acknowledgements" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "kind" VARCHAR(20) NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "reference" VARCHAR(120) NOT NULL,
    "message" TEXT NOT NULL,
    "occurred_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "inbound_id" BIGINT,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_acknowledge_purchas_11262d" UNIQUE ("purchase_order_id", "key")
);
COMMENT ON TABLE "acknowledgements" IS 'Something a supplier said of a purchase order. key is the supplier''s, so that hearing it twice is harmless.'
-- next
CREATE TABLE "purchase_order_lines" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
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
);
CREATE INDEX "idx_purchase_or_purchas_1b9b9d" ON "purchase_order_lines" ("purchase_order_id");
CREATE INDEX "idx_purchase_or_order_l_5d2335" ON "purchase_order_lines" ("order_line_id");
COMMENT ON TABLE "purchase_order_lines" IS 'One line of a purchase order. per_unit pieces of the product make one piece of the order line (kits).'
-- next
CREATE TABLE "backorders" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "quantity" INT NOT NULL,
    "expected_at" BIGINT,
    "opened_at" BIGINT NOT NULL,
    "closed_at" BIGINT,
    "purchase_order_line_id" BIGINT NOT NULL REFERENCES "purchase_order_lines" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_backorders_purchas_6690f9" ON "backorders" ("purchase_order_line_id");
COMMENT ON TABLE "backorders" IS 'A quantity the supplier will ship later.'
-- next
CREATE TABLE "shipments" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
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
);
CREATE INDEX "idx_shipments_order_i_56faf1" ON "shipments" ("order_id");
CREATE INDEX "idx_shipments_trackin_5b9d7c" ON "shipments" ("tracking_number");
COMMENT ON TABLE "shipments" IS 'One parcel. push is whether the channel knows, carrier our code, \"\" where the carrier is unknown to us.'
-- next
CREATE TABLE "shipment_lines" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "quantity" INT NOT NULL,
    "purchase_order_line_id" BIGINT NOT NULL REFERENCES "purchase_order_lines" ("id") ON DELETE RESTRICT,
    "shipment_id" BIGINT NOT NULL REFERENCES "shipments" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_shipment_li_shipmen_47a70d" ON "shipment_lines" ("shipment_id");
COMMENT ON TABLE "shipment_lines" IS 'quantity pieces of a purchase order line in a parcel.'
-- next
CREATE TABLE "shipping_mappings" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "rate" VARCHAR(200) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "created_by" VARCHAR(120) NOT NULL,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE RESTRICT,
    "method_id" INT NOT NULL REFERENCES "shipping_methods" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_shipping_ma_channel_f3605c" UNIQUE ("channel_id", "rate", "supplier_id")
);
COMMENT ON TABLE "shipping_mappings" IS 'The rate a customer chose at a channel, turned into the method a supplier offers.'
-- next
CREATE TABLE "submissions" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "attempt" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "finished_at" BIGINT,
    "outcome" VARCHAR(20) NOT NULL,
    "message" TEXT NOT NULL,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_submissions_purchas_2e33a5" UNIQUE ("purchase_order_id", "attempt")
);
COMMENT ON TABLE "submissions" IS 'One attempt to send a purchase order, written before the request leaves.'
-- next
CREATE TABLE "supplier_products" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "sku" VARCHAR(200) NOT NULL,
    "cost" BIGINT NOT NULL,
    "accepted_cost" BIGINT,
    "stock" INT,
    "stock_at" BIGINT,
    "enabled" BOOL NOT NULL,
    "priority" INT,
    "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_supplier_pr_supplie_32046c" UNIQUE ("supplier_id", "product_id"),
    CONSTRAINT "uid_supplier_pr_supplie_dc631b" UNIQUE ("supplier_id", "sku")
);
COMMENT ON COLUMN "supplier_products"."cost" IS 'minor units of the supplier''s currency';
COMMENT ON COLUMN "supplier_products"."accepted_cost" IS 'the cost a person last agreed to';
COMMENT ON COLUMN "supplier_products"."priority" IS 'before the supplier''s own priority';
COMMENT ON TABLE "supplier_products" IS 'A supplier''s offer of a product. stock None means: not told, taken as enough.'
-- next
CREATE TABLE "tracking_pushes" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "attempt" INT NOT NULL,
    "started_at" BIGINT NOT NULL,
    "finished_at" BIGINT,
    "outcome" VARCHAR(20) NOT NULL,
    "message" TEXT NOT NULL,
    "shipment_id" BIGINT NOT NULL REFERENCES "shipments" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_tracking_pu_shipmen_ed31ad" UNIQUE ("shipment_id", "attempt")
);
COMMENT ON TABLE "tracking_pushes" IS 'One attempt to tell a channel about a parcel.'
-- next
CREATE TABLE "users" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "email" VARCHAR(254) NOT NULL,
    "role" VARCHAR(20) NOT NULL,
    "password_hash" VARCHAR(200) NOT NULL,
    "timezone" VARCHAR(60) NOT NULL,
    "enabled" BOOL NOT NULL,
    "created_at" BIGINT NOT NULL
);
COMMENT ON TABLE "users" IS 'A person. role: viewer, operator, manager or admin.'
-- next
CREATE TABLE "api_tokens" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(80) NOT NULL,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" BIGINT NOT NULL,
    "last_used_at" BIGINT,
    "expires_at" BIGINT,
    "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "api_tokens" IS 'A token for the API, only its sha256 is kept.'
-- next
CREATE TABLE "saved_views" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(80) NOT NULL,
    "filters" TEXT NOT NULL,
    "columns" TEXT NOT NULL,
    "shared" BOOL NOT NULL,
    "created_at" BIGINT NOT NULL,
    "user_id" INT REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_saved_views_user_id_433e76" UNIQUE ("user_id", "name")
);
COMMENT ON TABLE "saved_views" IS 'A filter set someone gave a name.'
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
CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the blue book is append-only'; END $$
-- next
CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()
-- next
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()
-- next
ALTER TABLE audit_events ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint
-- next
ALTER TABLE order_lines ADD CONSTRAINT order_lines_conserve CHECK (quantity >= 1 AND shipped >= 0 AND canceled >= 0 AND shipped + canceled <= quantity)
-- next
ALTER TABLE purchase_order_lines ADD CONSTRAINT purchase_order_lines_conserve CHECK (quantity >= 1 AND shipped >= 0 AND canceled >= 0 AND shipped + canceled <= quantity)
-- next
CREATE TABLE terms (term TEXT COLLATE "C" NOT NULL, order_id BIGINT NOT NULL, PRIMARY KEY (term, order_id))
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
CREATE INDEX audit_events_xid ON audit_events (xid)
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_country" VARCHAR(2)
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_postal_code" VARCHAR(20)
-- next
ALTER TABLE "suppliers" ADD COLUMN "warehouse_region" VARCHAR(80)
-- next
ALTER TABLE "orders" ADD COLUMN "issue_at" BIGINT
-- next
ALTER TABLE "orders" ADD COLUMN "late_at" BIGINT
-- next
UPDATE orders SET issue_at = (SELECT MIN(opened_at) FROM issues WHERE order_id = orders.id AND closed_at IS NULL) WHERE id IN (SELECT order_id FROM issues WHERE closed_at IS NULL)
-- next
UPDATE orders SET late_at = (SELECT MIN(opened_at) FROM issues WHERE order_id = orders.id AND closed_at IS NULL AND code IN ('no_ack_in_time', 'no_tracking_in_time')) WHERE id IN (SELECT order_id FROM issues WHERE closed_at IS NULL AND code IN ('no_ack_in_time', 'no_tracking_in_time'))
-- next
INSERT INTO terms (term, order_id) SELECT SUBSTR('city:' || LOWER(TRIM((ship_to::jsonb ->> 'city'))), 1, 40), id FROM orders WHERE TRIM((ship_to::jsonb ->> 'city')) <> '' ORDER BY 1, 2 ON CONFLICT DO NOTHING
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'À', 'a'), 'Á', 'a'), 'Â', 'a'), 'Ã', 'a'), 'Ä', 'a'), 'Å', 'a'), 'Æ', 'ae'), 'Ç', 'c'), 'È', 'e'), 'É', 'e'), 'Ê', 'e'), 'Ë', 'e'), 'Ì', 'i'), 'Í', 'i'), 'Î', 'i'), 'Ï', 'i') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'À', 'a'), 'Á', 'a'), 'Â', 'a'), 'Ã', 'a'), 'Ä', 'a'), 'Å', 'a'), 'Æ', 'ae'), 'Ç', 'c'), 'È', 'e'), 'É', 'e'), 'Ê', 'e'), 'Ë', 'e'), 'Ì', 'i'), 'Í', 'i'), 'Î', 'i'), 'Ï', 'i')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ð', 'd'), 'Ñ', 'n'), 'Ò', 'o'), 'Ó', 'o'), 'Ô', 'o'), 'Õ', 'o'), 'Ö', 'o'), 'Ø', 'o'), 'Ù', 'u'), 'Ú', 'u'), 'Û', 'u'), 'Ü', 'u'), 'Ý', 'y'), 'Þ', 'th'), 'ß', 'ss'), 'à', 'a') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ð', 'd'), 'Ñ', 'n'), 'Ò', 'o'), 'Ó', 'o'), 'Ô', 'o'), 'Õ', 'o'), 'Ö', 'o'), 'Ø', 'o'), 'Ù', 'u'), 'Ú', 'u'), 'Û', 'u'), 'Ü', 'u'), 'Ý', 'y'), 'Þ', 'th'), 'ß', 'ss'), 'à', 'a')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'á', 'a'), 'â', 'a'), 'ã', 'a'), 'ä', 'a'), 'å', 'a'), 'æ', 'ae'), 'ç', 'c'), 'è', 'e'), 'é', 'e'), 'ê', 'e'), 'ë', 'e'), 'ì', 'i'), 'í', 'i'), 'î', 'i'), 'ï', 'i'), 'ð', 'd') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'á', 'a'), 'â', 'a'), 'ã', 'a'), 'ä', 'a'), 'å', 'a'), 'æ', 'ae'), 'ç', 'c'), 'è', 'e'), 'é', 'e'), 'ê', 'e'), 'ë', 'e'), 'ì', 'i'), 'í', 'i'), 'î', 'i'), 'ï', 'i'), 'ð', 'd')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ñ', 'n'), 'ò', 'o'), 'ó', 'o'), 'ô', 'o'), 'õ', 'o'), 'ö', 'o'), 'ø', 'o'), 'ù', 'u'), 'ú', 'u'), 'û', 'u'), 'ü', 'u'), 'ý', 'y'), 'þ', 'th'), 'ÿ', 'y'), 'Ā', 'a'), 'ā', 'a') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ñ', 'n'), 'ò', 'o'), 'ó', 'o'), 'ô', 'o'), 'õ', 'o'), 'ö', 'o'), 'ø', 'o'), 'ù', 'u'), 'ú', 'u'), 'û', 'u'), 'ü', 'u'), 'ý', 'y'), 'þ', 'th'), 'ÿ', 'y'), 'Ā', 'a'), 'ā', 'a')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ă', 'a'), 'ă', 'a'), 'Ą', 'a'), 'ą', 'a'), 'Ć', 'c'), 'ć', 'c'), 'Ĉ', 'c'), 'ĉ', 'c'), 'Ċ', 'c'), 'ċ', 'c'), 'Č', 'c'), 'č', 'c'), 'Ď', 'd'), 'ď', 'd'), 'Đ', 'd'), 'đ', 'd') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ă', 'a'), 'ă', 'a'), 'Ą', 'a'), 'ą', 'a'), 'Ć', 'c'), 'ć', 'c'), 'Ĉ', 'c'), 'ĉ', 'c'), 'Ċ', 'c'), 'ċ', 'c'), 'Č', 'c'), 'č', 'c'), 'Ď', 'd'), 'ď', 'd'), 'Đ', 'd'), 'đ', 'd')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ē', 'e'), 'ē', 'e'), 'Ĕ', 'e'), 'ĕ', 'e'), 'Ė', 'e'), 'ė', 'e'), 'Ę', 'e'), 'ę', 'e'), 'Ě', 'e'), 'ě', 'e'), 'Ĝ', 'g'), 'ĝ', 'g'), 'Ğ', 'g'), 'ğ', 'g'), 'Ġ', 'g'), 'ġ', 'g') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ē', 'e'), 'ē', 'e'), 'Ĕ', 'e'), 'ĕ', 'e'), 'Ė', 'e'), 'ė', 'e'), 'Ę', 'e'), 'ę', 'e'), 'Ě', 'e'), 'ě', 'e'), 'Ĝ', 'g'), 'ĝ', 'g'), 'Ğ', 'g'), 'ğ', 'g'), 'Ġ', 'g'), 'ġ', 'g')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ģ', 'g'), 'ģ', 'g'), 'Ĥ', 'h'), 'ĥ', 'h'), 'Ħ', 'ħ'), 'Ĩ', 'i'), 'ĩ', 'i'), 'Ī', 'i'), 'ī', 'i'), 'Ĭ', 'i'), 'ĭ', 'i'), 'Į', 'i'), 'į', 'i'), 'İ', 'i'), 'ı', 'i'), 'Ĳ', 'ij') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ģ', 'g'), 'ģ', 'g'), 'Ĥ', 'h'), 'ĥ', 'h'), 'Ħ', 'ħ'), 'Ĩ', 'i'), 'ĩ', 'i'), 'Ī', 'i'), 'ī', 'i'), 'Ĭ', 'i'), 'ĭ', 'i'), 'Į', 'i'), 'į', 'i'), 'İ', 'i'), 'ı', 'i'), 'Ĳ', 'ij')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ĳ', 'ij'), 'Ĵ', 'j'), 'ĵ', 'j'), 'Ķ', 'k'), 'ķ', 'k'), 'Ĺ', 'l'), 'ĺ', 'l'), 'Ļ', 'l'), 'ļ', 'l'), 'Ľ', 'l'), 'ľ', 'l'), 'Ŀ', 'l·'), 'ŀ', 'l·'), 'Ł', 'l'), 'ł', 'l'), 'Ń', 'n') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ĳ', 'ij'), 'Ĵ', 'j'), 'ĵ', 'j'), 'Ķ', 'k'), 'ķ', 'k'), 'Ĺ', 'l'), 'ĺ', 'l'), 'Ļ', 'l'), 'ļ', 'l'), 'Ľ', 'l'), 'ľ', 'l'), 'Ŀ', 'l·'), 'ŀ', 'l·'), 'Ł', 'l'), 'ł', 'l'), 'Ń', 'n')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ń', 'n'), 'Ņ', 'n'), 'ņ', 'n'), 'Ň', 'n'), 'ň', 'n'), 'ŉ', 'ʼn'), 'Ŋ', 'ŋ'), 'Ō', 'o'), 'ō', 'o'), 'Ŏ', 'o'), 'ŏ', 'o'), 'Ő', 'o'), 'ő', 'o'), 'Œ', 'oe'), 'œ', 'oe'), 'Ŕ', 'r') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ń', 'n'), 'Ņ', 'n'), 'ņ', 'n'), 'Ň', 'n'), 'ň', 'n'), 'ŉ', 'ʼn'), 'Ŋ', 'ŋ'), 'Ō', 'o'), 'ō', 'o'), 'Ŏ', 'o'), 'ŏ', 'o'), 'Ő', 'o'), 'ő', 'o'), 'Œ', 'oe'), 'œ', 'oe'), 'Ŕ', 'r')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ŕ', 'r'), 'Ŗ', 'r'), 'ŗ', 'r'), 'Ř', 'r'), 'ř', 'r'), 'Ś', 's'), 'ś', 's'), 'Ŝ', 's'), 'ŝ', 's'), 'Ş', 's'), 'ş', 's'), 'Š', 's'), 'š', 's'), 'Ţ', 't'), 'ţ', 't'), 'Ť', 't') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ŕ', 'r'), 'Ŗ', 'r'), 'ŗ', 'r'), 'Ř', 'r'), 'ř', 'r'), 'Ś', 's'), 'ś', 's'), 'Ŝ', 's'), 'ŝ', 's'), 'Ş', 's'), 'ş', 's'), 'Š', 's'), 'š', 's'), 'Ţ', 't'), 'ţ', 't'), 'Ť', 't')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ť', 't'), 'Ŧ', 'ŧ'), 'Ũ', 'u'), 'ũ', 'u'), 'Ū', 'u'), 'ū', 'u'), 'Ŭ', 'u'), 'ŭ', 'u'), 'Ů', 'u'), 'ů', 'u'), 'Ű', 'u'), 'ű', 'u'), 'Ų', 'u'), 'ų', 'u'), 'Ŵ', 'w'), 'ŵ', 'w') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'ť', 't'), 'Ŧ', 'ŧ'), 'Ũ', 'u'), 'ũ', 'u'), 'Ū', 'u'), 'ū', 'u'), 'Ŭ', 'u'), 'ŭ', 'u'), 'Ů', 'u'), 'ů', 'u'), 'Ű', 'u'), 'ű', 'u'), 'Ų', 'u'), 'ų', 'u'), 'Ŵ', 'w'), 'ŵ', 'w')
-- next
UPDATE terms SET term = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ŷ', 'y'), 'ŷ', 'y'), 'Ÿ', 'y'), 'Ź', 'z'), 'ź', 'z'), 'Ż', 'z'), 'ż', 'z'), 'Ž', 'z'), 'ž', 'z'), 'ſ', 's') WHERE term >= 'city:' AND term < 'city;' AND term ~ '[^ -~]' AND term <> REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(term, 'Ŷ', 'y'), 'ŷ', 'y'), 'Ÿ', 'y'), 'Ź', 'z'), 'ź', 'z'), 'Ż', 'z'), 'ż', 'z'), 'Ž', 'z'), 'ž', 'z'), 'ſ', 's')
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
    "id" SERIAL NOT NULL PRIMARY KEY,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "role" VARCHAR(20) NOT NULL,
    "invited_by" VARCHAR(120) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL,
    "used_at" BIGINT,
    "user_id" INT REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "invitations" IS 'A link that works once: to become a user of a role, or for ``user`` to choose a password. Only its sha256 is kept.'
-- next
CREATE TABLE "login_attempts" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "subject" VARCHAR(64) NOT NULL UNIQUE,
    "failures" INT NOT NULL,
    "last_at" BIGINT NOT NULL,
    "locked_until" BIGINT
);
COMMENT ON TABLE "login_attempts" IS 'Failed log-ins by a name or from an address (``subject`` is a hash of it), and until when it is locked out.'
-- next
CREATE TABLE "sessions" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "created_at" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL,
    "address" VARCHAR(60) NOT NULL,
    "agent" VARCHAR(200) NOT NULL,
    "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
COMMENT ON TABLE "sessions" IS 'Someone who logged in, somewhere. Only the sha256 of the token is kept.'
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
    "id" SERIAL NOT NULL PRIMARY KEY,
    "partner" VARCHAR(80) NOT NULL UNIQUE,
    "given" INT NOT NULL
);
COMMENT ON TABLE "control_counters" IS 'The last control number given out at a partner.'
-- next
CREATE TABLE "control_numbers" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "partner" VARCHAR(80) NOT NULL,
    "number" INT NOT NULL,
    "key" VARCHAR(200) NOT NULL,
    "kind" VARCHAR(8) NOT NULL,
    "subject" VARCHAR(90) NOT NULL,
    "given_at" BIGINT NOT NULL,
    "waiting" SMALLINT NOT NULL,
    "due_after" BIGINT NOT NULL,
    "answered_at" BIGINT,
    "answer" TEXT NOT NULL,
    CONSTRAINT "uid_control_num_partner_fe5a1c" UNIQUE ("partner", "number"),
    CONSTRAINT "uid_control_num_partner_48fe79" UNIQUE ("partner", "key")
);
CREATE INDEX "idx_control_num_subject_96f7d6" ON "control_numbers" ("subject");
COMMENT ON COLUMN "control_numbers"."kind" IS '850, 860, 997';
COMMENT ON COLUMN "control_numbers"."subject" IS 'the purchase order''s number';
COMMENT ON TABLE "control_numbers" IS 'A numbered document: which number between us and a partner it was given, once and for good.'
-- next
CREATE INDEX control_numbers_waiting ON control_numbers (id) WHERE waiting = 1
-- next
CREATE TABLE "supplier_answers" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "digest" VARCHAR(64) NOT NULL UNIQUE,
    "used_at" BIGINT NOT NULL,
    "said" VARCHAR(300) NOT NULL,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE CASCADE
);
COMMENT ON COLUMN "supplier_answers"."said" IS 'in a sentence, for whoever opens the link again';
COMMENT ON TABLE "supplier_answers" IS 'A link that a supplier''s people have used: each works once. Only the sha256 of its token is kept.'
-- next
ALTER TABLE "suppliers" ADD COLUMN "holidays" TEXT
-- next
ALTER TABLE "suppliers" ADD COLUMN "work_hours" VARCHAR(120)
-- next
ALTER TABLE "suppliers" ADD COLUMN "work_timezone" VARCHAR(64)
-- next
CREATE TABLE "posted_messages" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "direction" VARCHAR(3) NOT NULL,
    "message_id" VARCHAR(1000) NOT NULL,
    "kind" VARCHAR(8) NOT NULL,
    "subject" VARCHAR(90) NOT NULL,
    "digest" VARCHAR(64) NOT NULL,
    "mics" TEXT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "words" TEXT NOT NULL,
    "posted_at" BIGINT NOT NULL,
    "settled_at" BIGINT,
    "receipt" TEXT NOT NULL,
    "receipt_body" BYTEA,
    "inbound_id" BIGINT,
    "supplier_id" INT NOT NULL REFERENCES "suppliers" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_posted_mess_supplie_19c9b9" UNIQUE ("supplier_id", "direction", "message_id")
);
CREATE INDEX "idx_posted_mess_supplie_c86a0f" ON "posted_messages" ("supplier_id", "kind", "subject");
COMMENT ON COLUMN "posted_messages"."direction" IS 'out, in';
COMMENT ON COLUMN "posted_messages"."kind" IS '850, 860, 997';
COMMENT ON COLUMN "posted_messages"."subject" IS 'the purchase order''s number';
COMMENT ON TABLE "posted_messages" IS 'A message exchanged with a supplier by AS2: ours with what became of it, theirs with the receipt they were given.'
-- next
CREATE TABLE "supplier_invoices" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "number" VARCHAR(120) NOT NULL,
    "credit" BOOL NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "total" BIGINT,
    "charges" BIGINT NOT NULL,
    "lines" TEXT NOT NULL,
    "state" VARCHAR(12) NOT NULL,
    "reason" TEXT NOT NULL,
    "occurred_at" BIGINT NOT NULL,
    "received_at" BIGINT NOT NULL,
    "due_at" BIGINT NOT NULL,
    "inbound_id" BIGINT,
    "decided_at" BIGINT,
    "decided_by" VARCHAR(120) NOT NULL,
    "note" TEXT NOT NULL,
    "purchase_order_id" BIGINT NOT NULL REFERENCES "purchase_orders" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_supplier_in_purchas_cd2081" ON "supplier_invoices" ("purchase_order_id");
CREATE INDEX "idx_supplier_in_number_8615fe" ON "supplier_invoices" ("number");
COMMENT ON COLUMN "supplier_invoices"."state" IS 'new, matched, waits, differs, accepted';
COMMENT ON COLUMN "supplier_invoices"."due_at" IS 'from when one that waits is for a person';
COMMENT ON TABLE "supplier_invoices" IS 'What a supplier charges for one purchase order, or credits.'
-- next
ALTER TABLE "suppliers" ADD COLUMN "cost_tolerance" INT NOT NULL DEFAULT 0
-- next
ALTER TABLE "suppliers" ADD COLUMN "stock_heard_at" BIGINT
-- next
ALTER TABLE "suppliers" ADD COLUMN "stock_hours" INT NOT NULL DEFAULT 48
-- next
ALTER TABLE "supplier_products" ADD COLUMN "cost_at" BIGINT
-- next
CREATE INDEX supplier_invoices_open ON supplier_invoices (due_at) WHERE state IN ('new', 'waits')
-- next
CREATE TABLE "grants" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "mark" VARCHAR(64) NOT NULL,
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
);
COMMENT ON COLUMN "grants"."mark" IS 'sha256 of the connector and its credentials';
COMMENT ON TABLE "grants" IS 'What a token endpoint gave for these credentials, its tokens sealed (engine.vault).'
-- next
CREATE TABLE "rate_buckets" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "source" VARCHAR(20) NOT NULL,
    "source_id" INT NOT NULL,
    "name" VARCHAR(120) NOT NULL,
    "level" DOUBLE PRECISION NOT NULL,
    "at" BIGINT NOT NULL,
    CONSTRAINT "uid_rate_bucket_source_47f88e" UNIQUE ("source", "source_id", "name")
);
COMMENT ON COLUMN "rate_buckets"."source" IS 'channels | suppliers';
COMMENT ON COLUMN "rate_buckets"."name" IS 'the operation';
COMMENT ON COLUMN "rate_buckets"."at" IS 'when the level was that';
COMMENT ON TABLE "rate_buckets" IS 'How many tokens of a peer''s rate limit are left, below 0 where some are promised already. Shared by all workers.'
-- next
ALTER TABLE "order_lines" ADD COLUMN "cancel_told" INT
-- next
ALTER TABLE "channels" ADD COLUMN "walk" TEXT
-- next
CREATE TABLE "webhooks" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(80) NOT NULL UNIQUE,
    "url" VARCHAR(500) NOT NULL,
    "secret" TEXT NOT NULL,
    "events" TEXT NOT NULL,
    "enabled" BOOL NOT NULL,
    "cursor" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "answered_at" BIGINT,
    "last_error" TEXT NOT NULL
);
COMMENT ON TABLE "webhooks" IS 'An address of somebody else''s that is called when something happens to an order. ``secret`` is sealed.'
-- next
CREATE TABLE "api_calls" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "key" VARCHAR(255) NOT NULL,
    "digest" VARCHAR(64) NOT NULL,
    "begun_at" BIGINT NOT NULL,
    "status" INT,
    "headers" TEXT NOT NULL,
    "body" BYTEA,
    "token_id" INT NOT NULL REFERENCES "api_tokens" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_api_calls_token_i_692008" UNIQUE ("token_id", "key")
);
CREATE INDEX "idx_api_calls_begun_a_8ea89f" ON "api_calls" ("begun_at");
COMMENT ON TABLE "api_calls" IS 'A call made under a key of the caller, with its answer, whose status is null while it is under way.'
-- next
ALTER TABLE "api_tokens" ADD COLUMN "hint" VARCHAR(12) NOT NULL DEFAULT ''
-- next
ALTER TABLE "api_tokens" ADD COLUMN "revoked_at" BIGINT
-- next
ALTER TABLE "api_tokens" ADD COLUMN "scopes" VARCHAR(400) NOT NULL DEFAULT ''
-- next
CREATE TABLE "listed_items" (
    "id" BIGSERIAL NOT NULL PRIMARY KEY,
    "external_id" VARCHAR(200) NOT NULL,
    "sku" VARCHAR(200) NOT NULL,
    "title" VARCHAR(300) NOT NULL,
    "barcode" VARCHAR(40) NOT NULL,
    "gtin" VARCHAR(14) NOT NULL,
    "active" BOOL NOT NULL,
    "first_at" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "channel_id" INT NOT NULL REFERENCES "channels" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_listed_item_channel_61a990" UNIQUE ("channel_id", "external_id")
);
CREATE INDEX "idx_listed_item_channel_dadbd8" ON "listed_items" ("channel_id", "sku");
CREATE INDEX "idx_listed_item_gtin_3bb4af" ON "listed_items" ("gtin");
COMMENT ON COLUMN "listed_items"."gtin" IS 'the barcode''s 14 digits, by which it is compared';
COMMENT ON COLUMN "listed_items"."active" IS 'somebody can buy it now';
COMMENT ON COLUMN "listed_items"."first_at" IS 'when it was imported first';
COMMENT ON COLUMN "listed_items"."seen_at" IS 'when it was imported last';
COMMENT ON TABLE "listed_items" IS 'Something a channel says it offers, as it was imported. What its SKU stands for is a Listing.'
-- next
ALTER TABLE "channels" ADD COLUMN "listings_at" BIGINT
-- next
ALTER TABLE "channels" ADD COLUMN "listings_error" TEXT NOT NULL DEFAULT ''
-- next
ALTER TABLE "channels" ADD COLUMN "listings_seconds" INT NOT NULL DEFAULT 86400
-- next
ALTER TABLE "products" ADD COLUMN "barcode" VARCHAR(40) NOT NULL DEFAULT ''
-- next
ALTER TABLE "products" ADD COLUMN "gtin" VARCHAR(14) NOT NULL DEFAULT ''
-- next
CREATE INDEX products_gtin ON products (gtin) WHERE gtin <> ''
-- next
ALTER TABLE "webhooks" ADD COLUMN "former_secrets" TEXT NOT NULL DEFAULT '[]'
-- next
ALTER TABLE "orders" ADD COLUMN "cancel_wish" TEXT
-- next
ALTER TABLE "order_lines" ADD COLUMN "added" INT
-- next
CREATE INDEX outbox_again ON outbox (task, created_at, id, subject_id) WHERE state IN ('ready', 'claimed') AND error <> ''
-- next
CREATE INDEX purchase_orders_sent_of ON purchase_orders (sent_at, order_id) WHERE sent_at IS NOT NULL
-- next
DROP INDEX purchase_orders_sent
-- next
ALTER TABLE "channels" ADD COLUMN "archived_at" BIGINT
-- next
ALTER TABLE "suppliers" ADD COLUMN "archived_at" BIGINT
-- next
CREATE INDEX supplier_invoices_state ON supplier_invoices (state, id)
