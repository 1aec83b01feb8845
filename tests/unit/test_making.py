"""By what an order is known from one poll to the next, and from one version of Bluebook to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from engine.domain.addresses import Address
from engine.ports import CancelWish, ChannelLine, ChannelOrder, ChannelState, Payment
from engine.services.making import fingerprint

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORDER = ChannelOrder(
    external_id="x1", number="1", state=ChannelState.OPEN, payment=Payment.PAID, placed_at=AT, updated_at=AT, currency="USD",
    total=1450, lines=(ChannelLine("1.1", "BB-MUG-01", "A mug", 1, 1450),), ship_to=Address(name="Kim Doe", country="US"),
)  # fmt: skip


def test_an_order_is_known_again_by_the_next_version() -> None:
    # Made before orders had ``cancel_wish``. Where it changes, each order there is is read as changed once, and says so.
    assert fingerprint(ORDER) == "7ff893c132ba7a04a56ff9f5dca6764c3e96a1f728c78aeb6f2e28f790c3453f"


def test_what_the_channel_says_changes_it_and_when_it_said_so_does_not() -> None:
    assert fingerprint(msgspec.structs.replace(ORDER, updated_at=AT + timedelta(hours=1))) == fingerprint(ORDER)
    for change in ({"note": "ring twice"}, {"cancel_wish": CancelWish("too late")}, {"payment": Payment.UNPAID}):
        assert fingerprint(msgspec.structs.replace(ORDER, **change)) != fingerprint(ORDER), change
