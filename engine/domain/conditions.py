"""Conditions people write (CEL): compiled once, bounded in length, evaluated over an order's facts.

``order`` has number, channel, currency, total, items, shipping, country, region, postal_code, email, rate, payment,
quantity and skus; money is in minor units. ``line``, in routing rules, has sku, title, quantity and price.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cel

from engine.errors import Invalid

MAX_LENGTH = 2000


@lru_cache(maxsize=512)
def compiled(condition: str) -> cel.Program:
    """The condition, ready to run; raises Invalid saying where it is wrong."""
    if len(condition) > MAX_LENGTH:
        raise Invalid(f"a condition has at most {MAX_LENGTH} characters; this one has {len(condition)}", "condition")
    try:
        return cel.compile(condition)
    except ValueError as error:
        raise Invalid(f"the condition cannot be read: {error}", "condition") from error


def holds(condition: str, facts: dict[str, Any]) -> bool:
    """Does it hold? An empty one always does. Raises Invalid when it cannot be decided (an unknown name, not a yes or no)."""
    if not condition.strip():
        return True
    try:
        result = compiled(condition).execute(facts)
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        raise Invalid(f"the condition {condition!r} cannot be decided: {error}", "condition") from error
    if not isinstance(result, bool):
        raise Invalid(f"the condition {condition!r} gives {result!r}, not true or false", "condition")
    return result
