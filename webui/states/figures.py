"""Suppliers' figures: on the dashboard all of them, on a supplier's page its own."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import unquote

from engine.domain.roles import Permission
from engine.services import lead_times, reports
from engine.services.lead_times import SupplierRow
from webui import chart_views, shared, words
from webui.chart_views import SupplierFigure
from webui.shared import Shared
from webui.states.base import Book, on

DAYS = 30
"""Suppliers are judged by so many days, whatever period is looked at: a day says little about them."""


async def _suppliers(zone: str) -> list[SupplierRow]:
    return await lead_times.suppliers(reports.scope("30d", zone=words.zone(zone)))


SUPPLIERS: Shared[str, list[SupplierRow]] = Shared(_suppliers)
"""Every supplier's row of the last 30 days, by the zone in which they begin."""


class SupplierFigures(Book):
    """The figures of the supplier whose page this is; none (``known``) where it has none."""

    supplier: SupplierFigure = SupplierFigure()
    known: bool = False
    ready: bool = False
    _code: str = ""

    @on(Permission.VIEW)
    async def load(self) -> Any:
        """The figures of the supplier in the address are there, and follow what happens."""
        parts = self.router.url.path.strip("/").split("/")
        self._code = unquote(parts[1]) if len(parts) > 1 else ""
        self.ready = False
        self._show(await SUPPLIERS.latest(self.zone))
        return SupplierFigures.follow_figures

    @on(Permission.VIEW, background=True)
    async def follow_figures(self) -> Any:
        """They are shown anew as often as something changes, as long as the page is open."""
        async with self:
            tab = self.router.session.client_token
        async for _ in shared.due("supplier", tab):
            async with self:
                zone, here = self.zone, self.section == "suppliers"
            if not here:
                return
            # What goes wrong is told by refresh, which reads again.
            with contextlib.suppress(Exception):
                await SUPPLIERS.fresh(zone)
            yield SupplierFigures.refresh

    @on(Permission.VIEW)
    async def refresh(self) -> None:
        """They are those read last."""
        self._show(await SUPPLIERS.latest(self.zone))

    def _show(self, rows: list[SupplierRow]) -> None:
        found = next((row for row in rows if row.code == self._code), None)
        view = SupplierFigure() if found is None else chart_views.supplier(found, DAYS)
        if view != self.supplier:
            self.supplier = view
        self.known, self.ready = found is not None, True
