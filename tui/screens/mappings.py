"""Mappings: which method a rate goes by at a supplier, which product a channel's SKU is. What is missing comes first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.services import listings, setup, suggest, unmap
from engine.services.unmap import SavedMapping
from tui import mapping_sheets, sheets, undo, words
from tui.plain import many
from tui.screens.table import Item, TableScreen
from tui.widgets.confirm import Confirm
from tui.widgets.form import Field, FormPane
from tui.widgets.pick import Picked, PickPane
from tui.widgets.rows import Column

NAME = "mappings.csv"


class MappingsScreen(TableScreen):
    """Tabs Shipping and SKU."""

    name = "mappings"
    heading = "Mappings"
    tabs = ("Shipping", "SKU")
    empty = "Nothing is mapped yet, and nothing waits for it."
    columns = (
        (
            Column("WAITING", 8, right=True), Column("CHANNEL", 12, 1), Column("RATE", 16, 2), Column("SUPPLIER", 9, 1),
            Column("GOES BY", 16, 2),
        ),
        (Column("WAITING", 8, right=True), Column("CHANNEL", 12, 1), Column("SKU", 16, 2), Column("IS", 18, 3)),
    )  # fmt: skip

    async def read(self) -> list[Item]:
        """What is missing, with how many orders wait for it, then what is mapped."""
        if self.tab == 0:
            missing: list[Item] = [
                (
                    f"?{u.channel}/{u.rate}/{u.supplier}",
                    u,
                    (str(u.orders), u.channel, u.rate or "(no rate)", u.supplier, "?"),
                )
                for u in await listings.unmapped_rates()
            ]
            return missing + [
                (f"{m.channel}/{m.rate}/{m.supplier}", m, ("", m.channel, m.rate or "(no rate)", m.supplier, m.method))
                for m in await listings.mappings()
            ]
        missing = [
            (f"?{u.channel}/{u.sku}", u, (str(u.orders), u.channel, u.sku or "(no SKU)", f"? {u.title}"))
            for u in await listings.unmapped_skus()
        ]
        return missing + [
            (
                f"{m.channel}/{m.sku}",
                m,
                ("", m.channel, m.sku, " + ".join(f"{n} × {sku}" for sku, n in m.components.items())),
            )
            async for m in _listed()
        ]

    def why_not_open(self) -> str:
        """Nothing to map, or nobody who may."""
        if self.rows.item is None:
            return "there is nothing here"
        return "not with --readonly: a mapping could be changed there" if self.app.readonly else ""

    async def act_open(self) -> None:
        """Choose what it goes by, or which product it is."""
        row = self.rows.item
        if self.tab == 0:
            supplier = await listings.supplier(row.supplier)
            channel = await listings.channel(row.channel)

            async def methods(_text: str) -> list[Picked]:
                return [Picked(m.value, m.label, m.reason) for m in await suggest.methods(supplier.id, row.rate)]

            async def ship(code: str) -> None:
                before = await unmap.method_of(channel.id, row.rate, supplier.id)
                saved = SavedMapping(
                    channel_id=channel.id, name=row.rate, supplier_id=supplier.id, before=before, after=code
                )  # fmt: skip
                work = setup.map_shipping(channel.id, row.rate, supplier.id, code, self.app.by)
                await self._mapped(await self.app.attempt(work, "mapping"), f"“{row.rate}” at {row.supplier}", saved)

            await self.open_pane(PickPane(f"{row.channel}: “{row.rate}” goes at {row.supplier} by", methods, ship))
            return
        channel = await listings.channel(row.channel)
        title = getattr(row, "title", "")

        async def products(text: str) -> list[Picked]:
            found = await suggest.products(text or f"{row.sku} {title}", "" if text else row.sku)
            return [Picked(p.value, f"{p.value}  {p.label}", _offer(p)) for p in found]

        async def take(sku: str) -> None:
            before = await unmap.products_of(channel.id, row.sku)
            saved = SavedMapping(channel_id=channel.id, name=row.sku, before=before, after={sku: 1})
            work = setup.map_sku(channel.id, row.sku, {sku: 1}, self.app.by)
            await self._mapped(await self.app.attempt(work, "mapping"), row.sku, saved)

        await self.open_pane(PickPane(f"{row.channel}: {row.sku} {title} is", products, take, searches=True))

    async def _mapped(self, freed: int | None, what: str, saved: SavedMapping) -> None:
        if freed is None:
            return
        self.app.done.saved(saved)
        await self.close_pane()
        await self.load()
        self.app.say(f"{what} is mapped; {many(freed, 'waiting order')} became ready (u takes it back)", "good")

    # --- taking back --------------------------------------------------------------------------------------------------

    def why_not_drop(self) -> str:
        """What is not mapped cannot be dropped."""
        row = self.rows.item
        if row is None:
            return "there is nothing here"
        missing = isinstance(row, listings.UnmappedRate | listings.UnmappedSku)
        return "it is not mapped: Enter maps it" if missing else ""

    async def act_drop(self) -> None:
        """The mapping under the cursor is not there any more, once that is confirmed."""
        row = self.rows.item
        channel = await listings.channel(row.channel)
        supplier = await listings.supplier(row.supplier) if self.tab == 0 else None
        what = f"“{row.rate or '(no rate)'}” at {row.supplier}" if supplier else row.sku

        async def yes() -> None:
            work = (
                unmap.unmap_shipping(channel.id, row.rate, supplier.id, self.app.by)
                if supplier
                else unmap.unmap_sku(channel.id, row.sku, self.app.by)
            )
            found = await self.app.attempt(work, f"taking back the mapping of {what}")
            await self.load()
            if found is not None:
                self.app.say(undo.told(found), "good")

        details = " unsent orders that go by it wait for a person again; what is held by it is not sent"
        await self.open_pane(Confirm(f"Take back the mapping of {what} for {row.channel}?", yes, details=details))

    async def act_undo(self) -> None:
        """The mapping that was saved last is as it was."""
        step = self.app.done.last_mapping()
        if step is None:
            self.app.say("nothing was mapped just now: x takes back the mapping under the cursor")
        elif (found := await undo.unmapped(self.app, step)) is not None:
            await self.load()
            self.app.say(undo.told(found), "good")

    async def act_export(self) -> None:
        """Every mapping is in a CSV file in this folder."""
        file = Path.cwd() / NAME
        try:
            rows = [row async for row in mapping_sheets.rows()]
            with sheets.target(str(file)) as out:
                count = sheets.write(mapping_sheets.COLUMNS, rows, out)
        except Exception as error:
            self.app.fail(error, "exporting")
            return
        self.app.say(f"{count:,} rows are in {file}", "good")

    async def act_import_(self) -> None:
        """A CSV file is asked for."""

        async def save(changed: Mapping[str, str]) -> str:
            found = await mapping_sheets.take(changed["file"], self.app.by)
            for sentence in found.wrong:
                self.app.say(sentence, "warn")
            wrong = f"; {many(len(found.wrong), 'row')} wrong (`:messages` lists them)" if found.wrong else ""
            left = mapping_sheets.left(found.left)
            return f"{many(found.done, 'mapping')} set, {many(found.freed, 'waiting order')} became ready{left}{wrong}"

        fields = [Field("file", "CSV file", "", about=f"path, such as {NAME}")]
        await self.open_pane(FormPane("Import mappings", fields, save, verb="Import"))


async def _listed() -> Any:
    after = ("", "")
    while page := await listings.listings(after=after, limit=listings.LARGEST_PAGE):
        for row in page:
            yield row
        after = (page[-1].channel, page[-1].sku)


def _offer(one: suggest.Suggestion) -> str:
    cost = words.amount(one.cost, one.currency) if one.cost is not None and one.currency else ""
    return "   ".join(part for part in (one.supplier, cost, one.reason) if part)
