"""What can be done about an Issue, as a list: what is suggested first, then every other way, in words both front ends use."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain import money
from engine.domain.issues import IssueCode, Resolution
from engine.domain.roles import Permission
from engine.services.suggest import Suggestion, Suggestions

R = Resolution
WAYS: dict[Resolution, str] = {
    R.WAIVE: "It is fine as it is",
    R.DROP_LINE: "Drop the line: what no supplier has of it is canceled",
    R.RETRY: "Try again",
    R.ASK_SUPPLIER: "Ask the supplier whether it has the purchase order (nothing is sent again)",
    R.MARK_ACCEPTED: "I asked: the supplier has it",
    R.MARK_REFUSED: "I asked: the supplier does not have it, so it may be sent again or go elsewhere",
    R.CANCEL: "Cancel: what was sent is asked back",
    R.ACKNOWLEDGE: "I have read it; nothing is to be done here",
}
"""The ways that take no choosing; the others (a method, a product, a field, a supplier) are told by suggestions."""
AGAIN = {
    IssueCode.MISSING_FIELD: "Read it again from its channel",
    IssueCode.SUPPLIER_FAILED: "Send it again as it stands now (held first, so that it can be taken back)",
    IssueCode.TRACKING_REJECTED: "Tell the channel the tracking again",
    IssueCode.CONNECTION_AUTH: "Use the connection again: its credentials were put right",
}
"""What trying again is, by what it is about."""
WISHED = {
    R.CANCEL: "Cancel it, and tell the channel where it can be told: what was sent is asked back",
    R.WAIVE: "Send it all the same",
}
"""What answers a customer's wish to cancel."""
ASKED = (R.DROP_LINE, R.MARK_REFUSED, R.CANCEL)
"""These end something that cannot be taken back, so they are asked for."""
NEEDS: dict[Resolution, Permission] = {
    R.RETRY: Permission.RETRY, R.ASK_SUPPLIER: Permission.RETRY, R.MARK_ACCEPTED: Permission.RETRY,
    R.MARK_REFUSED: Permission.RETRY, R.CANCEL: Permission.CANCEL, R.DROP_LINE: Permission.CANCEL,
}  # fmt: skip
"""What a way needs besides the right to resolve."""
NOTED = (R.MARK_ACCEPTED, R.MARK_REFUSED)
"""These need to be told whom one asked, and when."""


class Choice(msgspec.Struct, frozen=True):
    """One line of the list: ``how`` with ``args`` resolves the Issue. ``needs`` names the arguments only a person can add."""

    how: Resolution
    label: str
    args: dict[str, Any] = {}
    details: str = ""
    needs: tuple[str, ...] = ()


def choices_of(told: Suggestions) -> list[Choice]:
    """Every choice there is for an Issue: the likeliest way first, as its kind has them, and in each the best first."""
    found = [_suggested(told, one) for one in told.choices]
    again = {R.RETRY: AGAIN.get(IssueCode(told.code), WAYS[R.RETRY])}
    if told.code == IssueCode.CANCEL_WISHED:
        again |= WISHED
    found += [
        Choice(way, again.get(way, WAYS[way]), needs=("note",) if way in NOTED else ())
        for way in told.resolutions
        if way in WAYS
    ]
    place = {way: n for n, way in enumerate(told.resolutions)}
    return sorted(found, key=lambda choice: place.get(choice.how, len(place)))


def _suggested(told: Suggestions, one: Suggestion) -> Choice:
    if one.field:
        return Choice(R.FIX_ADDRESS, one.label, {one.field: one.value}, one.reason)
    if told.code == IssueCode.MISSING_SHIPPING_MAPPING:
        return Choice(R.MAP_SHIPPING, f"{one.supplier}  {one.label}", {"method": one.value}, one.reason)
    if told.code == IssueCode.UNMAPPED_SKU:
        label = f"{one.supplier or '?'}  {one.value}  {one.label}"
        return Choice(R.MAP_SKU, label, {"product": one.value}, offer_words(one, scored=True))
    args = {"supplier": one.value} | ({"line": one.line} if one.line else {})
    line = f"line {one.line}  " if one.line else ""
    return Choice(R.CHOOSE_SUPPLIER, f"{line}{one.label} ships it", args, offer_words(one))


def offer_words(one: Suggestion, *, scored: bool = False) -> str:
    """What it costs, how many there are, and why it is suggested."""
    cost = money.show(one.cost, one.currency) if one.cost is not None and one.currency else ""
    stock = f"stock {one.stock}" if one.stock is not None and "stock" not in one.reason else ""
    score = f"{one.score / 100:.2f}" if one.score and scored else ""
    return "   ".join(part for part in (cost, stock, one.reason, score) if part)


def product_or_kit(text: str) -> str | dict[str, int]:
    """What a person wrote for a product: its SKU, or a kit as ``LAMP=2+SHADE``."""
    if "=" not in text and "+" not in text:
        return text.strip()
    parts = [part.rpartition("=") if "=" in part else (part, "=", "1") for part in text.split("+")]
    return {name.strip(): int(pieces) if pieces.strip().isdecimal() else 0 for name, _, pieces in parts}
