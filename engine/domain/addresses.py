"""Postal addresses: what one is, what is wrong with one, and the same address tidied."""

from __future__ import annotations

import msgspec


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address as the channel gave it; ``country`` is ISO 3166-1 alpha-2 and ``region`` its code or name."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""
