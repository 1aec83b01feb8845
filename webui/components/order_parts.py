"""The regions of an order's page: a block for each supplier, what keeps the order, where it goes and what it comes to."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.audit import audit_button
from webui.components.parts import anchor, badge, button, definition, link, outside, time
from webui.states.order import Order, Step
from webui.states.order_view import BillView, BlockView, HoldView, IssueView, LineRow, Pair, ParcelView, TryView
from webui.states.resolving import Resolving


def countdown(until: Any) -> rx.Component:
    """In how many seconds; static/bluebook.js counts them down."""
    return rx.el.span(role="timer", custom_attrs={"data-countdown": until}, key=until)


def _cell(label: str, *children: Any, **props: Any) -> rx.Component:
    return rx.el.td(*children, role="cell", custom_attrs={"data-label": label}, **props)


def _line(line: rx.Var[LineRow]) -> rx.Component:
    done = rx.fragment(
        line.shipped, " shipped",
        rx.cond(line.left > 0, rx.fragment(", ", line.left, " open")),
        rx.cond(line.backordered > 0, rx.fragment(", ", line.backordered, " backordered")),
        rx.cond(line.canceled > 0, rx.fragment(", ", line.canceled, " canceled")),
    )  # fmt: skip
    return rx.el.tr(
        _cell(
            "SKU",
            rx.el.span(
                rx.el.code(line.sku), audit_button(line.sku, line.audit, id=f"audit-{line.key}"),
                rx.cond(line.theirs != "", rx.el.span("theirs: ", line.theirs, class_name="hint")), class_name="row",
            ),
        ),
        _cell("Title", line.title),
        _cell("Pieces", "× ", line.quantity, class_name="number"),
        _cell("Done", done),
        _cell("Amount", line.cost, class_name="number"),
        role="row",
        key=line.key,
    )  # fmt: skip


def lines_table(lines: Any, caption: Any, amount: str) -> rx.Component:
    """Lines with their blue books."""
    heads = ("SKU", "Title", "Pieces", "Done", amount)
    return rx.el.table(
        rx.el.caption(caption, class_name="sr-only"),
        rx.el.thead(
            rx.el.tr(*[rx.el.th(h, scope="col", role="columnheader") for h in heads], role="row"), role="rowgroup"
        ),
        rx.el.tbody(rx.foreach(lines, _line), role="rowgroup"),
        role="table",
        class_name="cards",
    )


def _parcel(parcel: rx.Var[ParcelView]) -> rx.Component:
    return rx.el.li(
        rx.el.span(parcel.carrier),
        rx.cond(
            parcel.href != "",
            outside(parcel.number, rx.el.span(" ↗", aria_hidden="true"), href=parcel.href),
            rx.el.span(parcel.number),
        ),
        badge(parcel.transit, "busy"),
        badge(parcel.push, parcel.tone),
        rx.el.span(parcel.what, class_name="hint"),
        rx.el.span("shipped ", time(parcel.shipped, parcel.shipped_iso), class_name="hint"),
        rx.cond(
            parcel.retry,
            button("Retry tracking push", permission=Permission.RETRY, on_click=Order.retry_push(parcel.id)),
        ),
        rx.cond(parcel.message != "", rx.el.p(parcel.message, class_name="said")),
        key=parcel.id.to_string(),
    )


def _bill(bill: rx.Var[BillView]) -> rx.Component:
    return rx.el.li(
        link(bill.title, to=bill.href), badge(bill.state, bill.tone), rx.el.span(bill.total, class_name="hint"),
        rx.cond(bill.reason != "", rx.el.p(bill.reason, class_name="said")), key=bill.href,
    )  # fmt: skip


def _try(one: rx.Var[TryView]) -> rx.Component:
    return rx.el.li(
        rx.el.span("Attempt ", one.number), time(one.at, one.iso), badge(one.outcome, rx.cond(one.bad, "bad", "done")),
        rx.el.span(one.message), key=one.number.to_string(),
    )  # fmt: skip


def _facts(block: rx.Var[BlockView]) -> rx.Component:
    return rx.el.p(
        rx.el.span(block.method),
        rx.el.span(block.cost, " cost"),
        rx.cond(block.since != "", rx.el.span(block.since)),
        rx.cond(block.due != "", rx.el.span(block.due)),
        rx.cond(block.reference != "", rx.el.span("their no. ", block.reference)),
        class_name="facts hint",
    )


def _block_acts(block: rx.Var[BlockView]) -> rx.Component:
    return rx.el.div(
        rx.cond(
            block.can_ask, button("Ask the supplier", permission=Permission.RETRY, on_click=Order.ask_supplier(block.po))
        ),
        rx.cond(
            block.can_cancel,
            button(
                "Request cancellation …", tone="danger", permission=Permission.CANCEL, on_click=Order.ask("request", block.po)
            ),
        ),
        anchor("PO as PDF", href=block.pdf, class_name="button", aria_label=f"PO {block.po} as PDF", download=True),
        class_name="tools",
    )  # fmt: skip


def block(one: rx.Var[BlockView]) -> rx.Component:
    """A supplier's part: its purchase order, what it says, its lines and parcels."""
    return rx.el.article(
        rx.el.header(
            rx.el.h2(one.supplier, class_name="grow"),
            rx.el.span("PO ", one.po, class_name="mono"),
            audit_button(f"PO {one.po}", one.audit, id=f"audit-po-{one.id}"),
            badge(one.state, one.tone),
            rx.cond(one.until != "", rx.el.span("sent ", countdown(one.until))),
            rx.cond(one.late != "", badge(one.late, "bad")),
            rx.cond(one.replaced, badge("replaced", "done")),
        ),
        _facts(one),
        rx.cond(one.message != "", rx.el.p(one.message, class_name="said")),
        rx.cond(one.why != "", rx.el.p(one.why, class_name="hint")),
        lines_table(one.lines, f"Lines of {one.po}", "Cost"),
        rx.cond(
            one.parcels.length() > 0,
            rx.el.ul(rx.foreach(one.parcels, _parcel), class_name="plain", aria_label=f"Parcels of {one.po}"),
            rx.el.p("No tracking yet.", class_name="hint"),
        ),
        rx.cond(
            one.bills.length() > 0,
            rx.el.ul(rx.foreach(one.bills, _bill), class_name="plain", aria_label=f"Invoices for {one.po}"),
        ),
        _block_acts(one),
        rx.cond(
            one.tries.length() > 0,
            rx.el.details(
                rx.el.summary("Attempts to send"), rx.el.ol(rx.foreach(one.tries, _try), class_name="plain"),
                open=one.tries.length() > 1,
            ),
        ),
        class_name="card",
        aria_label=f"{one.supplier}, PO {one.po}",
        key=one.id.to_string(),
    )  # fmt: skip


def loose() -> rx.Component:
    """The lines that no supplier has."""
    return rx.cond(
        Order.loose.length() > 0,
        rx.el.article(
            rx.el.header(rx.el.h2("No supplier", class_name="grow"), badge("not sent", "warn")),
            lines_table(Order.loose, "Lines without a supplier", "Price"),
            class_name="card",
        ),
    )


def _open_issue(issue: rx.Var[IssueView]) -> rx.Component:
    return rx.el.li(
        rx.el.h3(issue.title),
        rx.el.p(issue.message),
        rx.el.p(issue.todo),
        rx.el.p("since ", time(issue.opened, issue.opened_iso)),
        rx.cond(
            issue.ways,
            rx.el.div(
                button(
                    "Resolve …", permission=Permission.RESOLVE, on_click=Resolving.open(Order.order.id, issue.id),
                    id=f"resolve-{issue.id}", aria_label=f"Resolve: {issue.title}",
                )
            ),
        ),
        class_name="issue",
        key=issue.id.to_string(),
    )  # fmt: skip


def issues() -> rx.Component:
    """Why the order needs a person."""
    return rx.cond(
        Order.open_issues.length() > 0,
        rx.el.section(
            rx.el.h2("Needs a person"), rx.el.ul(rx.foreach(Order.open_issues, _open_issue), class_name="stack"),
            class_name="card", aria_label="Open Issues",
        ),
    )  # fmt: skip


def _hold(one: rx.Var[HoldView]) -> rx.Component:
    return rx.el.li(
        rx.el.strong(one.reason), " held ", one.placed, rx.cond(one.released != "", rx.fragment(", released ", one.released)),
        key=one.id.to_string(),
    )  # fmt: skip


def _closed_issue(one: rx.Var[IssueView]) -> rx.Component:
    return rx.el.li(rx.el.strong(one.title), " ", one.message, " ", one.closed, key=one.id.to_string())


def past() -> rx.Component:
    """Holds, and Issues that were closed."""
    return rx.fragment(
        rx.cond(
            Order.holds.length() > 0,
            rx.el.section(rx.el.h2("Holds"), rx.el.ul(rx.foreach(Order.holds, _hold), class_name="stack"), class_name="card"),
        ),
        rx.cond(
            Order.closed_issues.length() > 0,
            rx.el.section(
                rx.el.h2("Closed Issues"), rx.el.ul(rx.foreach(Order.closed_issues, _closed_issue), class_name="stack"),
                class_name="card",
            ),
        ),
    )  # fmt: skip


def _address_line(line: rx.Var[str]) -> rx.Component:
    return rx.fragment(line, rx.el.br())


def _address(title: str, lines: Any) -> rx.Component:
    return rx.cond(
        lines.length() > 0,
        rx.el.section(
            rx.el.h2(title), rx.el.address(rx.foreach(lines, _address_line)), class_name="card", aria_label=title
        ),
    )


def _pair(pair: rx.Var[Pair]) -> rx.Component:
    return definition(pair.name, pair.said)


def aside() -> rx.Component:
    """Where it goes, what it comes to, what was noted."""
    order = Order.order
    return rx.el.div(
        _address("Ship to", order.ship_to),
        _address("Bill to", order.bill_to),
        rx.el.section(
            rx.el.h2("Totals"), rx.el.dl(rx.foreach(Order.totals, _pair), class_name="pairs"), class_name="card",
            aria_label="Totals",
        ),
        rx.el.section(
            rx.el.h2("About"),
            rx.el.dl(
                definition("Channel", order.channel),
                definition("There", order.store_state),
                definition("Payment", order.payment),
                rx.cond(order.fraud != "", definition("Fraud check", order.fraud)),
                rx.cond(order.wish != "", definition("Customer asks", order.wish)),
                definition("Rate chosen", rx.cond(order.rate != "", order.rate, "none")),
                rx.cond(order.email != "", definition("E-mail", order.email)),
                rx.cond(order.snoozed != "", definition("Snoozed until", order.snoozed)),
                class_name="pairs",
            ),
            class_name="card",
            aria_label="About",
        ),
        rx.cond(
            order.note != "",
            rx.el.section(rx.el.h2("Customer note"), rx.el.p(order.note, class_name="note"), class_name="card"),
        ),
        class_name="stack",
    )  # fmt: skip


def _step(one: rx.Var[Step]) -> rx.Component:
    return rx.el.li(
        rx.el.div(time(one.at, one.iso), rx.el.strong(one.actor), rx.el.span(one.about), class_name="meta"),
        rx.el.p(one.said),
        custom_attrs={"data-source": one.source},
        key=one.seq.to_string(),
    )


def steps(found: Any) -> rx.Component:
    """Events, each in a line, the newest last."""
    return rx.el.ol(rx.foreach(found, _step), class_name="events")


def timeline() -> rx.Component:
    """Every step in a line, the newest last."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Timeline", class_name="grow"),
            audit_button(f"order {Order.order.number}", Order.order.audit, id="audit-order"),
        ),
        rx.cond(Order.earlier > 0, rx.el.p(Order.earlier, " earlier events are in the blue book.", class_name="hint")),
        steps(Order.steps),
        class_name="card",
        aria_label="Timeline",
    )
