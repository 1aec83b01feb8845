"""The blue book and the jobs: what happened, what came in, and what is due."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
from engine.models.fields import JsonField, UtcField


class AuditEvent(Model):
    """One step in an order's life, or a change of settings (order_id 0). Append-only, triggers see to it.

    before and after are JSON objects of the values that changed, by path ("po.7.state"). hash covers the
    event and prev_hash. xid is the writing transaction on PostgreSQL, so that the change feed skips none.
    """

    id = fields.BigIntField(primary_key=True)
    order_id = fields.BigIntField()
    seq = fields.IntField()
    at = UtcField()
    actor = fields.CharField(max_length=120)
    tag = fields.CharField(max_length=80, description="source:subject:action")
    subject = fields.CharField(max_length=320, description="order, line.5, po.7, shipment.9, or a setting")
    message = fields.TextField(default="")
    cause = fields.CharField(max_length=200, default="", description="what led to it: a job, a key, a payload")
    before = fields.TextField(default="{}")
    after = fields.TextField(default="{}")
    data = fields.TextField(default="{}")
    inbound_id = fields.BigIntField(null=True)
    prev_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)
    xid = fields.BigIntField(null=True)

    class Meta:
        table = "audit_events"
        unique_together = (("order_id", "seq"),)


class InboundMessage(Model):
    """A raw payload as received. state: stored, done, parked (with the reason), superseded or ignored."""

    id = fields.BigIntField(primary_key=True)
    source = fields.CharField(max_length=20, description="channel | supplier")
    source_id = fields.IntField()
    external_id = fields.CharField(max_length=300)
    content_type = fields.CharField(max_length=80)
    body = fields.BinaryField()
    digest = fields.CharField(max_length=64, description="sha256 of source and body: the same bytes are stored once")
    received_at = UtcField()
    state = fields.CharField(max_length=12, default="stored")
    reason = fields.TextField(default="")
    field = fields.CharField(max_length=200, default="")
    order_id = fields.BigIntField(null=True)
    handled_at = UtcField(null=True)
    attempts = fields.IntField(default=0)

    class Meta:
        table = "inbound_messages"
        unique_together = (("source", "source_id", "digest"),)


class OutboxMessage(Model):
    """A job. state: ready, claimed, done or dead. key is unique among the jobs that are not over.

    A claim carries a token, so that a late answer of an expired lease changes nothing.
    """

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=200)
    task = fields.CharField(max_length=60)
    subject_id = fields.BigIntField(default=0, description="the order, purchase order, shipment, channel … it is about")
    args = JsonField(default=dict)
    state = fields.CharField(max_length=10, default="ready")
    run_at = UtcField()
    created_at = UtcField()
    attempts = fields.IntField(default=0)
    token = fields.CharField(max_length=40, default="")
    lease_until = UtcField(null=True)
    relayed_at = UtcField(null=True)
    error = fields.TextField(default="")
    finished_at = UtcField(null=True)

    class Meta:
        table = "outbox"


class Schedule(Model):
    """Something to be done again and again, whoever moves next_at on writes the job."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=120, unique=True)
    task = fields.CharField(max_length=60)
    subject_id = fields.BigIntField(default=0)
    every_seconds = fields.FloatField()
    next_at = UtcField()
    enabled = fields.BooleanField(default=True)

    class Meta:
        table = "schedules"


class Heartbeat(Model):
    """A worker process and when it was last alive."""

    id = fields.CharField(max_length=120, primary_key=True)
    host = fields.CharField(max_length=120)
    pid = fields.IntField()
    started_at = UtcField()
    seen_at = UtcField()
    jobs_done = fields.BigIntField(default=0)
    version = fields.CharField(max_length=40, default="")

    class Meta:
        table = "heartbeats"


class OrderCount(Model):
    """Kept counters: how many orders of a channel have a status. Rows are deltas, folded now and then, their sum counts."""

    id = fields.BigIntField(primary_key=True)
    channel_id = fields.IntField()
    status = fields.CharField(max_length=20)
    n = fields.BigIntField()

    class Meta:
        table = "order_counts"
        indexes = (("channel_id", "status"),)


class RateBucket(Model):
    """How many tokens of a peer's rate limit are left, below 0 where some are promised already. Shared by all workers."""

    id = fields.IntField(primary_key=True)
    source = fields.CharField(max_length=20, description="channels | suppliers")
    source_id = fields.IntField()
    name = fields.CharField(max_length=120, description="the operation")
    level = fields.FloatField()
    at = UtcField(description="when the level was that")

    class Meta:
        table = "rate_buckets"
        unique_together = (("source", "source_id", "name"),)


class KeptGrant(Model):
    """What a token endpoint gave for these credentials, its tokens sealed (engine.vault).

    mark says of which credentials it is, so that other credentials never meet it. version counts what came, and a lease is
    the turn of the one worker who renews it.
    """

    id = fields.IntField(primary_key=True)
    mark = fields.CharField(max_length=64, description="sha256 of the connector and its credentials")
    name = fields.CharField(max_length=120, default="")
    access_token = fields.TextField(default="")
    until = UtcField(null=True)
    refresh_token = fields.TextField(default="")
    refresh_until = UtcField(null=True)
    version = fields.IntField(default=0)
    saved_at = UtcField()
    lease_token = fields.CharField(max_length=40, default="")
    lease_until = UtcField(null=True)

    class Meta:
        table = "grants"
        unique_together = (("mark", "name"),)
