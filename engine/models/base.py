"""What every model is made of."""

from __future__ import annotations

from typing import Any

from tortoise.models import Model as TortoiseModel
from tortoise.models import ModelMeta


class _WithoutComments(ModelMeta):
    """Tortoise looks for ``#:`` comments of fields in the source of each model, which takes longer than all the rest of
    starting a command; we write none.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> ModelMeta:
        return super().__new__(cls, name, bases, {"_no_comments": True, **attrs})


class Model(TortoiseModel, metaclass=_WithoutComments):
    """The base of our models."""

    class Meta:
        abstract = True
