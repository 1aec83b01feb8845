"""Suppliers' figures: a table of all of them, and how long each takes."""

from __future__ import annotations

from typing import Any

import reflex as rx

from webui.chart_views import SupplierFigure
from webui.components import charts
from webui.components.parts import definition, link
from webui.states.figures import DAYS, SupplierFigures

HEADS = ("Orders", "Accepted p90", "Shipped p50 / p90", "In time", "Failed")


def _count(part: Any, said: Any) -> rx.Component:
    shown = {"custom_attrs": {"data-count": part.count.to_string()}}
    number = rx.fragment(part.number, charts.said(rx.fragment(" ", said)))
    return rx.cond(part.href != "", link(number, to=part.href, **shown), rx.el.span(number, **shown))


def _row(row: rx.Var[SupplierFigure]) -> rx.Component:
    def cell(n: int, *children: Any) -> rx.Component:
        return rx.el.td(*children, role="cell", class_name="number", custom_attrs={"data-label": HEADS[n]})

    return rx.el.tr(
        rx.el.th(link(row.name, to=row.href), scope="row", role="rowheader"),
        cell(0, _count(row.orders, row.orders.said)),
        cell(1, row.accepted),
        cell(2, row.shipped),
        cell(3, f"{row.in_time} of {row.promised}"),
        cell(4, rx.el.span(_count(row.failed, row.failed.said), f" ({row.failed_percent})")),
        role="row",
        key=row.id,
    )


def suppliers_table(rows: Any) -> rx.Component:
    """A row for each supplier."""
    return rx.el.table(
        rx.el.caption(f"Suppliers, last {DAYS} days", class_name="sr-only"),
        rx.el.thead(
            rx.el.tr(
                rx.el.th("Supplier", scope="col", role="columnheader"),
                *[rx.el.th(head, scope="col", role="columnheader", class_name="number") for head in HEADS],
                role="row",
            ),
            role="rowgroup",
        ),
        rx.el.tbody(rx.foreach(rows, _row), role="rowgroup"),
        role="table",
        class_name="cards",
    )


def lead_times(row: Any, **props: Any) -> rx.Component:
    """A supplier's histogram, with the median, the ninetieth percentile and what was promised."""
    return charts.columns(row.lead, **props)


def supplier_figures() -> rx.Component:
    """A supplier's page has its figures; ``SupplierFigures.load`` has to be among what the page loads."""
    row = SupplierFigures.supplier
    return rx.cond(
        SupplierFigures.known,
        rx.el.section(
            charts.fills(),
            rx.el.h2(f"Last {DAYS} days", id="figures"),
            rx.el.dl(
                definition("Orders", _count(row.orders, row.orders.said)),
                definition("Accepted, p90", row.accepted),
                definition("Shipped, p50 / p90", row.shipped),
                definition("In time", f"{row.in_time} of {row.promised}"),
                definition("Failed", _count(row.failed, row.failed.said), f" ({row.failed_percent})"),
                class_name="pairs",
            ),
            lead_times(row),
            aria_labelledby="figures",
            class_name="stack",
        ),
    )
