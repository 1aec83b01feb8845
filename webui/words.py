"""How the web app says things: times in the person's zone, ages, amounts, states and their tones."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine import clock
from engine.domain import money
from engine.domain.states import OrderStatus, called

_TONES = {
    OrderStatus.FAILED: "bad",
    OrderStatus.ON_HOLD: "warn",
    OrderStatus.UNRESOLVED: "warn",
    OrderStatus.READY: "good",
    OrderStatus.PROCESSED: "busy",
    OrderStatus.PARTIALLY_SHIPPED: "busy",
    OrderStatus.SHIPPED: "busy",
    OrderStatus.COMPLETED: "done",
    OrderStatus.CANCELED: "done",
}
_PURCHASE_TONES = {
    "failed": "bad", "rejected": "bad", "outcome_unknown": "bad", "backordered": "warn", "cancel_requested": "warn",
    "canceled": "done", "closed": "done", "draft": "quiet",
}  # fmt: skip


def plain(text: str) -> str:
    """The text without control and direction-changing characters: it comes from customers and suppliers."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs") else "\ufffd" for c in text
    )


def web_url(url: str) -> str:
    """The address if it is one of the web, "" for any other: ``javascript:`` and its like are no links."""
    return url if url.startswith(("https://", "http://")) and plain(url) == url else ""


name_of = called


def tone_of(status: OrderStatus) -> str:
    """The tone of an order's status: good, warn, bad, busy or done; colour only repeats the word."""
    return _TONES[status]


def purchase_tone(state: str) -> str:
    """The tone of a purchase order's state."""
    return _PURCHASE_TONES.get(state, "busy")


def amount(minor: int | None, currency: str) -> str:
    """``148.20 USD``; "" for None."""
    return "" if minor is None else money.show(minor, currency)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day_and_time(moment: datetime | None, zone_name: str) -> str:
    """``22 Nov 14:02``, with the year where it is another; in the person's zone."""
    if moment is None:
        return ""
    local, now = moment.astimezone(zone(zone_name)), clock.now().astimezone(zone(zone_name))
    return local.strftime("%-d %b %H:%M" if local.year == now.year else "%-d %b %Y %H:%M")


def exactly(moment: datetime | None, zone_name: str) -> str:
    """``2026-11-22 14:02:33.120 CET``: as the blue book has it."""
    if moment is None:
        return ""
    local = moment.astimezone(zone(zone_name))
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%Z}"


def iso(moment: datetime | None) -> str:
    """ISO 8601 in UTC, for ``<time datetime>``."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def bound(day: str, zone_name: str, *, after: bool = False) -> str:
    """When the day (2026-11-22) begins in the person's zone, or ``after`` it when it has ended; the text itself if it is none."""
    try:
        begins = datetime.fromisoformat(day).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone(zone_name))
    except ValueError:
        return day
    return iso((begins + timedelta(days=1) if after else begins).astimezone(UTC))


def day_of(moment: datetime | None, zone_name: str, *, before: bool = False) -> str:
    """The day as a date field has it; ``before``: the last day before this moment."""
    if moment is None:
        return ""
    return f"{(moment - timedelta(seconds=before)).astimezone(zone(zone_name)):%Y-%m-%d}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: 45 s, 12 min, 3 h, 9 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


def ago(moment: datetime | None) -> str:
    """How long ago: ``3 h``; "never" for None."""
    return "never" if moment is None else span((clock.now() - moment).total_seconds())


def sentence(text: str) -> str:
    """The text as a sentence, with a capital and a full stop, and fit to be shown (``plain``)."""
    said = plain(text.strip())
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '!', '?', '…')) else '.'}" if said else ""


def about(subject: str, message: str) -> str:
    """The message, saying what it is about where it does not itself."""
    return message if not subject or message.startswith(subject) else f"{subject}: {message}"


def in_progress(status: OrderStatus, *, held: bool, unsent: bool) -> str:
    """An order's status as people read it: what is not sent is not said to be in progress, which would pass for sent."""
    if status != OrderStatus.PROCESSED:
        return "Held" if held else name_of(status)
    return "Held" if held else "Not sent yet" if unsent else name_of(status)


def at_store(number: str, there: str, channel: str) -> str:
    """What the order is called in its store, where that is not its number here: ``1025 at Woo``."""
    return plain(f"{there} at {channel}") if there != number else ""


def field_name(name: str) -> str:
    """A field of an address as a label: ``Postal code``, ``Address line 1``."""
    return name.replace("line", "address line ").replace("_", " ").capitalize()


def many(count: int, noun: str) -> str:
    """``1 order``, ``3 orders``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrom": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS": "macOS", "CrOS": "ChromeOS",
    "Linux": "Linux",
}  # fmt: skip


def device(agent: str) -> str:
    """``Firefox on Linux``, as the browser says of itself; its own words, cut, where they say neither."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return " on ".join(part for part in (browser, system) if part) or plain(agent[:60]) or "unknown"
