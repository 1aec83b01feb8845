"""Channels: whether each works, what waits in it, and pulling from it now."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.domain.roles import Permission
from engine.errors import NotFound
from engine.services import listings
from engine.services import sync as syncing
from engine.services.listings import ChannelView
from webui import links, words
from webui.states import connection
from webui.states.base import Book, on
from webui.states.connection import Standing

NEEDS = ("unresolved", "failed", "on_hold")
OVER = ("completed", "canceled")


@dataclass
class ChannelRow:
    """A channel in the list. ``open``: orders that are not over."""

    it: Standing = field(default_factory=Standing)
    ready: int = 0
    ready_href: str = ""
    needs: int = 0
    needs_href: str = ""
    going: int = 0
    auto: str = ""


async def channel_of(channel_id: int) -> ChannelView:
    """The channel with this id; raises NotFound."""
    for view in await listings.channels():
        if view.id == channel_id:
            return view
    raise NotFound(f"there is no channel {channel_id}; it may never have been there: the list has them all")


def auto_words(view: ChannelView) -> str:
    """How Auto Order Processing is set, in short."""
    if not view.auto_process:
        return "off"
    limit = words.amount(view.auto_limit, view.auto_currency)
    return f"on, up to {limit}" if limit else "on"


def channel_href(channel_id: int, part: str = "") -> str:
    """The settings of a channel."""
    return links.with_params(f"/channels/{channel_id}", {"section": part})


def row_of(view: ChannelView) -> ChannelRow:
    """The channel, in words."""
    counts = view.orders
    return ChannelRow(
        connection.standing(view, view.pulled_at, channel_href(view.id)),
        counts.get("ready", 0), links.orders({"channel_ids": str(view.id), "statuses": "ready"}),
        sum(counts.get(status, 0) for status in NEEDS),
        links.orders({"channel_ids": str(view.id), "statuses": ",".join(NEEDS)}),
        sum(count for status, count in counts.items() if status not in OVER),
        auto_words(view),
    )  # fmt: skip


class Channels(Book):
    """The list. ``pulling``: the ids of those that are being pulled from in this tab."""

    rows: list[ChannelRow] = []
    pulling: list[int] = []
    ready: bool = False

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows every channel."""
        self.rows = [row_of(view) for view in await listings.channels()]
        self.ready = True

    @on(Permission.VIEW)
    async def reread(self) -> None:
        """What changed of the list is shown."""
        await self._read()

    @on(Permission.CHANNELS, background=True)
    async def sync(self, channel_id: int) -> None:
        """The channel's orders are pulled now, and what came of it is said."""
        async with self:
            by = self.by
            self.pulling = [*self.pulling, channel_id]
        try:
            view = await channel_of(channel_id)
            pulled, hastened = await syncing.channel(channel_id, by)
        finally:
            async with self:
                self.pulling = [other for other in self.pulling if other != channel_id]
        rows = [row_of(one) for one in await listings.channels()]
        async with self:
            self.rows = rows
            parked = f", {pulled.parked} parked: see Jobs > Inbox" if pulled.parked else ""
            due = f", {words.many(hastened, 'waiting job')} due now" if hastened else ""
            self.say(
                f"{view.name}: {pulled.new} new, {pulled.changed} changed{parked}{due}.", "warn" if parked else "good"
            )

    @on(Permission.CHANNELS)
    async def resume(self, channel_id: int) -> None:
        """A paused channel is used again."""
        self.say(await connection.resume("channels", await channel_of(channel_id), self.by), "good")
        await self._read()

    async def _read(self) -> None:
        """Counts and states change with orders and settings; assigned only where they did."""
        rows = [row_of(view) for view in await listings.channels()]
        if rows != self.rows:
            self.rows = rows
