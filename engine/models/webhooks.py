"""Who is told of what happens to orders, outside of Bluebook."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
from engine.models.fields import JsonField, UtcField


class Webhook(Model):
    """An address of somebody else's that is called when something happens to an order. ``secret`` is sealed.

    ``cursor`` is how far in the blue book it has been told (``services.feed``). ``former_secrets`` are those before it that
    are still signed with, the oldest first: each as [sealed, until when in microseconds].
    """

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=80, unique=True)
    url = fields.CharField(max_length=500)
    secret = fields.TextField(default="")
    former_secrets = JsonField(default=list, db_default=[])
    events = JsonField(default=list)
    enabled = fields.BooleanField(default=True)
    cursor = fields.BigIntField()
    created_at = UtcField()
    answered_at = UtcField(null=True)
    last_error = fields.TextField(default="")

    class Meta:
        table = "webhooks"
