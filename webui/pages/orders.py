"""Order History: every order, by tabs, filters and columns; each line with its supplier, state, parcel and blue book."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.issues import ISSUES
from webui.components import bulk, saved
from webui.components.parts import (
    anchor,
    badge,
    book_icon,
    button,
    empty,
    field,
    link,
    misread,
    outside,
    page_head,
    time,
    waiting,
)
from webui.pages import Page
from webui.states.bulk import Bulk
from webui.states.orders import COLUMNS, SIZES, Chip, Choice, LineView, Orders, RowView, TabView
from webui.states.saved import Saved

SORTABLE = {"placed": "placed", "total": "total", "status": "state"}
"""Columns whose heads sort, and what the list calls that sort."""


def _tab(tab: rx.Var[TabView]) -> rx.Component:
    return rx.el.li(
        link(
            tab.title, rx.cond(tab.count != "", rx.el.span(tab.count, class_name="count")), to=tab.href,
            aria_current=rx.cond((Orders.tab == tab.id) & ~Saved.here, "page", "false"),
        ),
        key=tab.id,
    )  # fmt: skip


def _option(choice: rx.Var[Choice]) -> rx.Component:
    return rx.el.option(choice.title, value=choice.value)


def _select(label: str, name: str, options: Any) -> rx.Component:
    return field(
        label,
        rx.el.select(
            rx.el.option("Any", value=""), options, name=name, default_value=Orders.form[name], id=f"f-{name}"
        ),
    )


def _filters() -> rx.Component:
    issues = [rx.el.option(kind.title, value=code.value) for code, kind in ISSUES.items()]
    return rx.el.form(
        field(
            "Words",
            rx.el.input(name="text", type="search", default_value=Orders.form["text"], id="f-text", max_length=200,
                        placeholder="name, number"),
        ),
        _select("Channel", "channel_ids", rx.foreach(Orders.channels, _option)),
        _select("Supplier", "supplier_ids", rx.foreach(Orders.suppliers, _option)),
        _select("Has error", "issue_codes", rx.fragment(*issues)),
        field("From", rx.el.input(name="placed_from", type="date", default_value=Orders.form["placed_from"], id="f-from")),
        field("To", rx.el.input(name="placed_to", type="date", default_value=Orders.form["placed_to"], id="f-to")),
        field("SKU", rx.el.input(name="skus", default_value=Orders.form["skus"], id="f-sku", max_length=100)),
        field("Tracking", rx.el.input(name="trackings", default_value=Orders.form["trackings"], id="f-track", max_length=100)),
        rx.el.button("Filter", type="submit", class_name="button primary"),
        on_submit=Orders.filter, class_name=rx.cond(Orders.filtering, "filters", "filters folded"), aria_label="Filters",
        key=Orders.form_key, id="filters",
    )  # fmt: skip


def _unfold() -> rx.Component:
    """On a phone the filters are folded up: what is to be seen there are orders."""
    return button(
        "Filters", rx.cond(Orders.chips.length() > 0, rx.el.span(Orders.chips.length(), class_name="count")),
        on_click=Orders.unfold, tone="narrow-only", aria_expanded=rx.cond(Orders.filtering, "true", "false"),
        aria_controls="filters",
    )  # fmt: skip


def _chip(chip: rx.Var[Chip]) -> rx.Component:
    return rx.el.li(
        link(chip.title, rx.el.span(" ×", aria_hidden="true"), rx.el.span(", remove", class_name="sr-only"), to=chip.without,
             class_name="chip"),
        key=chip.title,
    )  # fmt: skip


def _chips() -> rx.Component:
    return rx.cond(
        Orders.chips.length() > 0,
        rx.el.div(
            rx.el.ul(rx.foreach(Orders.chips, _chip), class_name="chips", aria_label="Filters that are set"),
            link("Clear all", to="/orders", class_name="button quiet"),
            class_name="chip-row",
        ),
    )


def _column_choice(name: str, title: str) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", checked=Orders.columns.contains(name), on_change=Orders.toggle_column(name)), title,
        class_name="check",
    )  # fmt: skip


def _tools() -> rx.Component:
    return rx.el.div(
        rx.el.p(Orders.count, class_name="grow", role="status"),
        rx.el.details(
            rx.el.summary("Columns", class_name="button"),
            rx.el.fieldset(
                rx.el.legend("Columns to show"),
                *[_column_choice(n, c.title) for n, c in COLUMNS.items()],
                class_name="menu",
            ),
            class_name="dropdown",
        ),
        anchor("Export CSV", href=Orders.export_url, class_name="button", download=True),
        class_name="tools",
    )


def _heading(name: str, title: str) -> rx.Component:
    sort = SORTABLE.get(name)
    if sort is None:
        return rx.cond(Orders.columns.contains(name), rx.el.th(title, scope="col", role="columnheader"))
    way = rx.match(Orders.sort, (sort, "ascending"), (f"-{sort}", "descending"), "none")
    arrow = rx.match(Orders.sort, (sort, "▲"), (f"-{sort}", "▼"), "")
    return rx.cond(
        Orders.columns.contains(name),
        rx.el.th(
            rx.el.button(
                title, rx.el.span(arrow, aria_hidden="true"), type="button", on_click=Orders.sort_by(sort), class_name="sort"
            ),
            scope="col", role="columnheader", aria_sort=way,
        ),
    )  # fmt: skip


def _cell(name: str, *children: Any, **props: Any) -> rx.Component:
    return rx.cond(
        Orders.columns.contains(name),
        rx.el.td(
            *children, role="cell", custom_attrs={"data-label": COLUMNS[name].title}, class_name=f"c-{name}", **props
        ),
    )


def _line(row: rx.Var[RowView], line: rx.Var[LineView]) -> rx.Component:
    return rx.el.li(
        rx.el.code(line.sku, title=line.title),
        rx.el.button(
            book_icon(), type="button", class_name="button icon", aria_label=f"Audit trail for {line.sku}",
            on_click=Orders.open_audit(row.number, line.id),
        ),
        rx.cond(line.supplier != "", rx.el.span(line.supplier), rx.el.span("no supplier", class_name="hint")),
        rx.cond(line.state != "", badge(line.state, line.tone, title=line.message)),
        key=line.id.to_string(),
    )  # fmt: skip


def _tracking(line: rx.Var[LineView]) -> rx.Component:
    return rx.cond(
        line.tracking != "",
        rx.el.li(
            rx.cond(
                line.url != "",
                outside(line.tracking, href=line.url),
                rx.el.span(line.tracking),
            ),
            key=line.id.to_string(),
        ),
    )


def _row(row: rx.Var[RowView]) -> rx.Component:
    return rx.el.tr(
        rx.cond(
            bulk.may_choose(),
            rx.el.td(bulk.checkbox(row.id, row.number), role="cell", custom_attrs={"data-label": "Choose"}),
        ),
        rx.el.td(
            rx.el.div(
                link(row.number, to=row.href, class_name="number"),
                rx.cond(row.theirs != "", rx.el.div(row.theirs, class_name="hint")),
            ),
            role="cell",
            custom_attrs={"data-label": "Order"},
        ),
        _cell("placed", time(row.placed, row.placed_iso)),
        _cell("channel", row.channel),
        _cell("customer", row.customer),
        _cell(
            "lines",
            rx.el.ul(rx.foreach(row.lines, lambda line: _line(row, line)), class_name="plain"),
            rx.cond(row.more > 0, link(f"and {row.more} more", to=row.href)),
        ),
        _cell(
            "status", badge(row.status, row.tone), rx.cond(row.issues != "", rx.el.div(row.issues, class_name="hint"))
        ),
        _cell("tracking", rx.el.ul(rx.foreach(row.lines, _tracking), class_name="plain")),
        _cell("shipping", row.shipping),
        _cell("quantity", row.quantity),
        _cell("country", row.country),
        _cell("total", row.total),
        role="row",
        key=row.id.to_string(),
    )


def _table() -> rx.Component:
    return rx.el.table(
        rx.el.caption("Orders", class_name="sr-only"),
        rx.el.thead(
            rx.el.tr(
                rx.cond(bulk.may_choose(), rx.el.th(bulk.checkbox_all(), scope="col", role="columnheader")),
                rx.el.th("Order", scope="col", role="columnheader"),
                *[_heading(n, c.title) for n, c in COLUMNS.items()],
                role="row",
            ),
            role="rowgroup",
        ),
        rx.el.tbody(rx.foreach(Orders.rows, _row), role="rowgroup"),
        role="table",
        class_name="cards",
    )


def _none() -> rx.Component:
    return rx.cond(
        (Orders.chips.length() > 0) | (Orders.tab != "all"),
        rx.cond(
            Orders.partial,
            empty("None of the orders looked at so far matches."),
            empty("No order matches.", rx.el.p(link("Clear all filters", to="/orders"))),
        ),
        empty(
            "There are no orders yet.",
            rx.el.p("Connect a channel on the ", link("Channels", to="/channels"), " page, or press Sync now there."),
        ),
    )


def _pager() -> rx.Component:
    size = rx.el.select(
        *[rx.el.option(f"{size} per page", value=str(size)) for size in SIZES], value=Orders.size.to_string(),
        on_change=Orders.resize, aria_label="Orders per page",
    )  # fmt: skip
    return rx.el.nav(
        rx.cond(Orders.previous != "", link("‹ Previous", to=Orders.previous, class_name="button")),
        rx.cond(
            Orders.next != "",
            link(rx.cond(Orders.partial, "Search older ›", "Next ›"), to=Orders.next, class_name="button"),
        ),
        size,
        aria_label="Pages",
        class_name="pager",
    )


def orders() -> rx.Component:
    """The list with everything around it."""
    return rx.fragment(
        page_head("Orders"),
        rx.el.div(
            rx.el.nav(rx.el.ul(rx.foreach(Orders.tabs, _tab), class_name="tabs"), aria_label="Views"),
            saved.view_links(),
            class_name="views",
        ),
        _unfold(),
        _filters(),
        _chips(),
        rx.cond(
            Orders.error != "",
            misread(Orders.error, Orders.mended, "All orders", "/orders"),
            rx.cond(
                Orders.ready,
                rx.fragment(
                    _tools(),
                    rx.cond(
                        Orders.fresh > 0,
                        rx.el.p(
                            button("Show ", Orders.fresh, " new", on_click=Orders.load, tone="primary"), role="status",
                            class_name="fresh",
                        ),
                    ),
                    bulk.bar(),
                    rx.cond(Orders.rows.length() > 0, _table(), _none()),
                    _pager(),
                ),
                waiting(),
            ),
        ),
        bulk.bulk_dialog(),
        saved.views_dialog(),
    )  # fmt: skip


PAGES = [Page("/orders", "Orders · Bluebook", orders, [Orders.load, Saved.read, Bulk.settle])]
