"""How times and documents are stored: the same bytes on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from tortoise import fields

from engine.clock import micros, moment


class UtcField(fields.BigIntField):
    """An aware UTC time, stored as microseconds since 1970 (docs/adr/0003-money-and-time.md)."""

    field_type = datetime

    def to_db_value(self, value: Any, instance: Any) -> Any:
        return micros(value) if isinstance(value, datetime) else value

    def to_python_value(self, value: Any) -> Any:
        return moment(value) if isinstance(value, int) else value


class JsonField(fields.TextField):
    """A JSON document, stored as text, so that what was hashed is what is read."""

    field_type = object

    def to_db_value(self, value: Any, instance: Any) -> Any:
        return None if value is None else msgspec.json.encode(value).decode()

    def to_python_value(self, value: Any) -> Any:
        return msgspec.json.decode(value) if isinstance(value, str) else value
