"""One order with everything: suppliers, lines, parcels, Issues, addresses, totals, timeline; and what can be done now."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components import order_parts as parts
from webui.components.edit import edit_dialog
from webui.components.order_dialogs import order_dialogs
from webui.components.parts import anchor, badge, button, empty, failed, link, outside, page_head, time, titled, waiting
from webui.pages import Page
from webui.states.doing import Doing
from webui.states.editing import Editing
from webui.states.order import Close, Order


def _acts() -> rx.Component:
    order, can = Order.order, Order.order.can
    return rx.el.div(
        rx.cond(
            can["undo"],
            button("Undo", tone="primary", permission=Permission.UNDO, on_click=Doing.undo(order.id)),
        ),
        rx.cond(
            can["process"],
            button("Process", tone="primary", permission=Permission.PROCESS, on_click=Doing.process(order.id)),
        ),
        rx.cond(can["edit"], button("Edit …", permission=Permission.EDIT, on_click=Editing.open(order.id))),
        rx.cond(can["release"], button("Release", permission=Permission.HOLD, on_click=Doing.release(order.id))),
        rx.cond(can["hold"], button("Put on hold …", permission=Permission.HOLD, on_click=Order.ask("hold", ""))),
        rx.cond(can["snooze"], button("Snooze …", permission=Permission.SNOOZE, on_click=Order.ask("snooze", ""))),
        button("Read again from the channel", permission=Permission.PROCESS, on_click=Order.refresh),
        rx.cond(order.store != "", outside("Open in the store ↗", href=order.store, class_name="button")),
        rx.cond(order.slip != "", anchor("Packing slip", href=order.slip, class_name="button", download=True)),
        button("Print", custom_attrs={"data-print": "1"}),
        rx.cond(
            can["cancel"],
            button("Cancel order …", tone="danger", permission=Permission.CANCEL, on_click=Order.ask("cancel", "")),
        ),
        class_name="actions",
    )  # fmt: skip


def _head() -> rx.Component:
    order = Order.order
    return rx.el.header(
        rx.el.h1("Order ", order.number),
        badge(order.status, order.tone),
        rx.cond(order.until != "", rx.el.span("sent ", parts.countdown(order.until))),
        rx.cond(order.held != "", badge(f"On hold: {order.held}", "warn")),
        rx.el.p(
            order.customer, " · ", rx.cond(order.theirs != "", order.theirs, order.channel), " · placed ",
            time(order.placed, order.placed_iso), class_name="hint grow",
        ),
        _acts(),
        class_name="page-head",
    )  # fmt: skip


def _shown() -> rx.Component:
    return rx.fragment(
        _head(),
        rx.el.div(
            rx.el.div(
                parts.issues(), rx.foreach(Order.blocks, parts.block), parts.loose(), parts.timeline(), parts.past(),
                class_name="stack",
            ),
            parts.aside(),
            class_name="beside",
        ),
        order_dialogs(),
        edit_dialog(),
    )  # fmt: skip


def _close(one: rx.Var[Close]) -> rx.Component:
    return rx.el.li(link(one.number, to=one.href), key=one.number)


def _missing() -> rx.Component:
    return rx.fragment(
        page_head("There is no such order"),
        empty(
            Order.missing,
            rx.cond(
                Order.close_to.length() > 0,
                rx.el.ul(rx.foreach(Order.close_to, _close), class_name="chips", aria_label="Numbers that are close"),
            ),
            rx.el.p("Or look in ", link("Order History", to="/orders"), "."),
        ),
    )


def order() -> rx.Component:
    """The order, or why it cannot be shown."""
    return rx.cond(
        Order.ready,
        rx.cond(
            Order.missing != "",
            _missing(),
            rx.cond(
                Order.error != "",
                rx.fragment(page_head(f"Order {Order.wanted}"), failed(Order.error, Order.again)),
                _shown(),
            ),
        ),
        rx.fragment(page_head(f"Order {Order.wanted}"), waiting()),
    )


PAGES = [Page("/orders/[order_number]", titled(Order.wanted, "Order"), order, Order.load)]
