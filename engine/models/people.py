"""Who uses the product and how they like to look at it."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from engine.models.fields import JsonField, UtcField


class User(Model):
    """A person. role: viewer, operator, manager or admin."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=80, unique=True)
    email = fields.CharField(max_length=254, default="")
    role = fields.CharField(max_length=20, default="operator")
    password_hash = fields.CharField(max_length=200, default="")
    timezone = fields.CharField(max_length=60, default="UTC")
    enabled = fields.BooleanField(default=True)
    created_at = UtcField()

    class Meta:
        table = "users"


class ApiToken(Model):
    """A token for the API, only its sha256 is kept."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("models.User", related_name="tokens", on_delete=fields.CASCADE)
    name = fields.CharField(max_length=80)
    digest = fields.CharField(max_length=64, unique=True)
    created_at = UtcField()
    last_used_at = UtcField(null=True)
    expires_at = UtcField(null=True)

    class Meta:
        table = "api_tokens"


class SavedView(Model):
    """A filter set someone gave a name."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("models.User", related_name="views", null=True, on_delete=fields.CASCADE)
    name = fields.CharField(max_length=80)
    filters = JsonField(default=dict)
    columns = JsonField(default=list)
    shared = fields.BooleanField(default=False)
    created_at = UtcField()

    class Meta:
        table = "saved_views"
        unique_together = (("user", "name"),)
