"""The part of a list of orders that is in memory: rows by key, read on in both directions, however long the list is.

The cursor belongs to an order, never to a row number. A row that changed is read again where it stands; one that no
longer fits goes, unless the cursor is on it; new ones are only counted until they are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from engine.services import history, scroll
from engine.services.filters import Filters
from engine.services.history import END, Cursor, OrderRow

PAGE = 200
MOST = 3_000
"""Rows kept in memory; those farthest from the cursor go first."""
NEAR = 60
"""With so few rows left before an end of what is in memory, the next page is read."""


class OrderWindow:
    """``narrowed`` gives the filters of the list at this moment. ``rows`` are in the list's order."""

    def __init__(self, narrowed: Callable[[], Filters], sort: str) -> None:
        self.narrowed, self.sort = narrowed, sort
        self.rows: list[OrderRow] = []
        self.cursor_id: int | None = None
        self.gone: set[int] = set()
        self.fresh: set[int] = set()
        self.partial = False
        self._at: dict[int, int] = {}
        self._before: Cursor | None = None
        self._after: Cursor | None = None
        self._lock = asyncio.Lock()

    # --- where the cursor is ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def position(self) -> int:
        """The cursor's place in ``rows``; 0 where there are none."""
        return self._at.get(self.cursor_id, 0) if self.cursor_id is not None else 0

    @property
    def row(self) -> OrderRow | None:
        """The order under the cursor."""
        return self.rows[self.position] if self.rows else None

    def place(self, order_id: int) -> int | None:
        """Where an order stands in ``rows``; None where it is not in memory."""
        return self._at.get(order_id)

    def go(self, position: int) -> None:
        """The cursor is on this row, or the nearest there is. A row that no longer fits goes as the cursor leaves it."""
        if not self.rows:
            self.cursor_id = None
            return
        before = self.cursor_id
        self.cursor_id = self.rows[max(0, min(position, len(self.rows) - 1))].id
        if before is not None and before != self.cursor_id and before in self.gone:
            self._drop({before})

    @property
    def at_start(self) -> bool:
        """Is the list's first row in memory?"""
        return self._before is None

    @property
    def at_end(self) -> bool:
        """Is the list's last row in memory?"""
        return self._after is None

    # --- reading ------------------------------------------------------------------------------------------------------

    async def load(self, *around: int | None) -> None:
        """Read anew: with the first of these orders that still fits in the midst and under the cursor, else from the start."""
        wanted = [order_id for order_id in around if order_id is not None]
        async with self._lock:
            for order_id in wanted:
                if await self._load_around(order_id):
                    return
            page = await history.list_orders(self.narrowed(), sort=self.sort, limit=PAGE)
            self._set(page.rows)
            self.gone.clear()
            self._before, self._after, self.partial = None, page.next, page.partial
            # Where words are searched nothing is read around an order, which may be among the first all the same.
            found = [order_id for order_id in wanted if order_id in self._at]
            self.cursor_id = found[0] if found else self.rows[0].id if self.rows else None

    async def _load_around(self, order_id: int) -> bool:
        filters = self.narrowed()
        if filters.text.strip() or order_id not in await history.fitting(filters, [order_id]):
            return False
        page = await scroll.around(order_id, filters, sort=self.sort, before=PAGE // 2, after=PAGE)
        self._set(page.rows)
        self.gone.clear()
        self._before, self._after, self.partial = page.previous, page.next, page.partial
        self.cursor_id = order_id
        return True

    async def load_last(self) -> None:
        """The end of the list is in memory, with the cursor on its last row."""
        if not self.at_end:
            async with self._lock:
                filters = self.narrowed()
                if filters.text.strip():
                    return  # words are searched from the newest on; there is no end to begin at
                page = await history.list_orders(filters, sort=self.sort, after=END, limit=PAGE)
                self._set(page.rows)
                self._before, self._after = page.previous, None
        self.go(len(self.rows) - 1)

    def lacks(self) -> bool:
        """Is the cursor so near an end of what is in memory that more should be read?"""
        if not self.rows:  # none of those tried so far fits, of very many
            return self._after is not None
        near_end = self.position > len(self.rows) - NEAR and self._after is not None
        near_start = self.position < NEAR and self._before is not None
        return near_end or near_start

    async def read_on(self) -> bool:
        """More rows are in memory on the side the cursor is near to; False where nothing was to be read."""
        async with self._lock:
            if not self.lacks():
                return False
            down = self.position > len(self.rows) - NEAR and self._after is not None
            cursor = self._after if down else self._before
            page = await history.list_orders(self.narrowed(), sort=self.sort, after=cursor, limit=PAGE)
            known = set(self._at)
            added = [row for row in page.rows if row.id not in known]
            if down:
                self._set([*self.rows, *added])
                self._after, self.partial = page.next, page.partial
                if self.cursor_id is None and self.rows:
                    self.cursor_id = self.rows[0].id
            else:
                self._set([*added, *self.rows])
                self._before = page.previous
            self._trim()
            return True

    def _trim(self) -> None:
        """Rows far from the cursor are forgotten; a key remembers where to read on."""
        extra = len(self.rows) - MOST
        if extra <= 0 or self.narrowed().text.strip():
            return
        if self.position > len(self.rows) // 2:
            kept = self.rows[extra:]
            here = history.cursor_at(kept[0], self.sort)
            self._before = Cursor(here.value, here.id, back=True)
        else:
            kept = self.rows[:-extra]
            self._after = history.cursor_at(kept[-1], self.sort)
        self._set(kept)

    # --- what changes -------------------------------------------------------------------------------------------------

    async def changed(self, order_ids: Sequence[int]) -> None:
        """The rows of these orders are as they are now; those that no longer fit go, those that newly do are counted."""
        async with self._lock:
            filters = self.narrowed()
            known = [i for i in order_ids if i in self._at]
            searched = bool(filters.text.strip())
            fit = set(known) if searched else await history.fitting(filters, list(order_ids))
            for row in await history.rows_of(known):
                # Its order may have been acted on, and have left, while this was read.
                place = self._at.get(row.id)
                if place is not None:
                    self.rows[place] = row
            out = {i for i in known if i not in fit}
            self.gone -= fit
            if self.cursor_id in out:
                self.gone.add(self.cursor_id)
                out.discard(self.cursor_id)
            self._drop(out)
            self.fresh |= {i for i in fit if i not in self._at}
            self.fresh -= {i for i in order_ids if i not in fit}

    def step_off(self) -> None:
        """The cursor leaves an order that is done with: to the next one, or the one before where there is none."""
        if self.cursor_id is None:
            return
        here = self.position
        self.gone.add(self.cursor_id)
        self._drop({self.cursor_id})
        self.cursor_id = self.rows[min(here, len(self.rows) - 1)].id if self.rows else None

    async def bring(self, order_id: int) -> bool:
        """The order is under the cursor, where it fits; False where it does not."""
        if order_id in self._at:
            self.go(self._at[order_id])
            return True
        async with self._lock:
            return await self._load_around(order_id)

    async def bring_back(self, order_ids: Sequence[int]) -> None:
        """Those of these orders that fit are in the list again, the first under the cursor; where none does, it stays."""
        fit = await history.fitting(self.narrowed(), list(order_ids))
        back = [order_id for order_id in order_ids if order_id in fit]
        if not back:
            return
        if fit <= set(self._at):
            await self.changed(order_ids)
            self.go(self._at.get(back[0], self.position))
        else:
            await self.load(back[0], self.cursor_id)
            self.forget_fresh()

    def _drop(self, order_ids: Iterable[int]) -> None:
        out = set(order_ids)
        if not out:
            return
        here = self.position
        self.gone -= out
        self._set([row for row in self.rows if row.id not in out])
        if self.cursor_id is not None and self.cursor_id not in self._at:
            self.cursor_id = self.rows[min(here, len(self.rows) - 1)].id if self.rows else None

    def _set(self, rows: list[OrderRow]) -> None:
        self.rows = rows
        self._at = {row.id: n for n, row in enumerate(rows)}
        self.fresh -= set(self._at)

    def forget_fresh(self) -> None:
        """Nothing new is waiting."""
        self.fresh.clear()
