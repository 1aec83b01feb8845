"""Who uses the product and how they like to look at it."""

from __future__ import annotations

from tortoise import fields

from engine.models.base import Model
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
    logged_in_at = UtcField(null=True)

    class Meta:
        table = "users"


class Session(Model):
    """Someone who logged in, somewhere. Only the sha256 of the token is kept."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("models.User", related_name="sessions", on_delete=fields.CASCADE)
    digest = fields.CharField(max_length=64, unique=True)
    created_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField()
    address = fields.CharField(max_length=60, default="")
    agent = fields.CharField(max_length=200, default="")

    class Meta:
        table = "sessions"


class Invitation(Model):
    """A link that works once: to become a user of a role, or for ``user`` to choose a password. Only its sha256 is kept."""

    id = fields.IntField(primary_key=True)
    digest = fields.CharField(max_length=64, unique=True)
    role = fields.CharField(max_length=20)
    user = fields.ForeignKeyField("models.User", related_name="invitations", null=True, on_delete=fields.CASCADE)
    invited_by = fields.CharField(max_length=120)
    created_at = UtcField()
    expires_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        table = "invitations"


class LoginAttempt(Model):
    """Failed log-ins by a name or from an address (``subject`` is a hash of it), and until when it is locked out."""

    id = fields.IntField(primary_key=True)
    subject = fields.CharField(max_length=64, unique=True)
    failures = fields.IntField()
    last_at = UtcField()
    locked_until = UtcField(null=True)

    class Meta:
        table = "login_attempts"


class ApiToken(Model):
    """A token for the API, only its sha256 is kept."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("models.User", related_name="tokens", on_delete=fields.CASCADE)
    name = fields.CharField(max_length=80)
    digest = fields.CharField(max_length=64, unique=True)
    created_at = UtcField()
    last_used_at = UtcField(null=True)
    expires_at = UtcField(null=True)
    scopes = fields.CharField(max_length=400, default="", db_default="")  # parted by blanks
    hint = fields.CharField(max_length=12, default="", db_default="")  # how it begins, so that its owner knows it again
    revoked_at = UtcField(null=True)

    class Meta:
        table = "api_tokens"


class ApiCall(Model):
    """A call made under a key of the caller, with its answer, whose status is null while it is under way."""

    id = fields.BigIntField(primary_key=True)
    token = fields.ForeignKeyField("models.ApiToken", related_name="calls", on_delete=fields.CASCADE)
    key = fields.CharField(max_length=255)
    digest = fields.CharField(max_length=64)
    begun_at = UtcField()
    status = fields.IntField(null=True)
    headers = fields.TextField(default="{}")
    body = fields.BinaryField(null=True)

    class Meta:
        table = "api_calls"
        unique_together = (("token", "key"),)
        indexes = (("begun_at",),)


class SavedView(Model):
    """A filter set someone gave a name."""

    id = fields.IntField(primary_key=True)
    user = fields.ForeignKeyField("models.User", related_name="views", null=True, on_delete=fields.CASCADE)
    name = fields.CharField(max_length=80)
    filters = JsonField(default=dict)
    columns = JsonField(default=list)
    shared = fields.BooleanField(default=False)
    created_at = UtcField()
    # The URL's query string; ``filters`` were there before the web app, and are not used.
    query = fields.TextField(null=True)
    sort = fields.CharField(max_length=60, null=True)

    class Meta:
        table = "saved_views"
        unique_together = (("user", "name"),)
