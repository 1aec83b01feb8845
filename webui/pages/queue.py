"""The queue: Process where an order is ready, Resolve where something is wrong, with what it is below."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.parts import badge, button, empty, field, link, misread, page_head, time
from webui.components.parts import waiting as skeleton
from webui.pages import Page
from webui.states.base import Book, HeldOrder
from webui.states.doing import Doing
from webui.states.queue import Queue, QueueTab, Trouble, Waiting
from webui.states.resolving import Resolving


def _tab(tab: rx.Var[QueueTab]) -> rx.Component:
    return rx.el.li(
        link(
            tab.title, rx.el.span(tab.count, class_name="count"), href=tab.href,
            aria_current=rx.cond(Queue.tab == tab.id, "page", "false"),
        ),
        key=tab.id,
    )  # fmt: skip


def _held(held: rx.Var[HeldOrder]) -> rx.Component:
    return rx.el.li(
        link(held.number, href=held.href),
        rx.el.span(custom_attrs={"data-countdown": held.at}),
        button(
            "Undo", permission=Permission.UNDO, on_click=Doing.undo(held.id), aria_label=f"Undo order {held.number}"
        ),
        key=held.id.to_string(),
    )


def _held_orders() -> rx.Component:
    return rx.cond(
        Book.held.length() > 0,
        rx.el.section(
            rx.el.h2("Held, about to be sent"), rx.el.ul(rx.foreach(Book.held, _held), class_name="held-list"),
            class_name="card",
        ),
    )  # fmt: skip


def _trouble(order: rx.Var[Waiting], trouble: rx.Var[Trouble]) -> rx.Component:
    return rx.el.li(
        rx.el.p(rx.el.strong(trouble.title), ": ", trouble.message),
        rx.el.p(trouble.todo, class_name="hint"),
        rx.el.div(
            button("Resolve", tone="primary", permission=Permission.RESOLVE, on_click=Resolving.open(order.id, trouble.id),
                   aria_label=f"Resolve order {order.number}: {trouble.title}"),
            class_name="row",
        ),
        class_name="issue", key=trouble.id.to_string(),
    )  # fmt: skip


def _order(order: rx.Var[Waiting]) -> rx.Component:
    act = rx.cond(
        order.ready,
        button("Process", tone="primary", permission=Permission.PROCESS, on_click=Doing.process(order.id),
               aria_label=f"Process order {order.number}"),
        rx.cond(
            order.on_hold != "",
            button("Release", permission=Permission.HOLD, on_click=Doing.release(order.id),
                   aria_label=f"Release order {order.number}"),
            rx.cond(
                order.held,
                rx.fragment(
                    rx.el.span("sent ", rx.el.span(custom_attrs={"data-countdown": order.sent_at})),
                    button("Undo", permission=Permission.UNDO, on_click=Doing.undo(order.id),
                           aria_label=f"Undo {order.number}"),
                ),
            ),
        ),
    )  # fmt: skip
    return rx.el.li(
        rx.el.div(
            rx.el.h2(link(order.number, href=order.href)),
            badge(order.status, order.tone),
            rx.el.span(order.customer),
            rx.el.span(order.channel, class_name="hint"),
            rx.el.span(time(order.placed, order.placed_iso), ", ", order.age, " ago", class_name="hint"),
            rx.el.span(class_name="grow"),
            rx.el.strong(order.total),
            act,
            class_name="queue-head",
        ),
        rx.el.p(order.pieces, " · ", order.suppliers, " · ", order.shipping, class_name="hint"),
        rx.cond(order.on_hold != "", rx.el.p("On hold: ", order.on_hold)),
        rx.cond(
            order.troubles.length() > 0,
            rx.el.ul(rx.foreach(order.troubles, lambda trouble: _trouble(order, trouble)), class_name="stack"),
        ),
        class_name="card",
        key=order.id.to_string(),
    )


def _filter() -> rx.Component:
    return rx.el.form(
        field(
            "Filter",
            rx.el.input(name="text", type="search", default_value=Queue.text, max_length=400, id="queue-filter",
                        placeholder="sup:acme err:sku total>100 age>2h"),
        ),
        rx.el.button("Filter", type="submit", class_name="button"),
        on_submit=Queue.filter, reset_on_submit=False, class_name="filters", key=Queue.text,
    )  # fmt: skip


def _nothing() -> rx.Component:
    return rx.cond(
        Queue.text != "",
        empty("No order matches here.", rx.el.p(link("Clear the filter", href="/queue"))),
        empty("Nothing waits here.", rx.el.p("New orders appear by themselves.")),
    )


def _listed() -> rx.Component:
    return rx.fragment(
        _held_orders(),
        rx.cond(
            Queue.fresh > 0,
            rx.el.p(
                button("Show ", Queue.fresh, " new", tone="primary", on_click=Queue.load), role="status", class_name="fresh"
            ),
        ),
        rx.cond(Queue.orders.length() > 0, rx.el.ul(rx.foreach(Queue.orders, _order), class_name="queue"), _nothing()),
        rx.el.nav(
            rx.cond(Queue.previous != "", link("‹ Previous", href=Queue.previous, class_name="button")),
            rx.cond(Queue.next != "", link("Next ›", href=Queue.next, class_name="button")),
            aria_label="Pages", class_name="pager",
        ),
    )  # fmt: skip


def queue() -> rx.Component:
    """The queue with its tabs."""
    return rx.fragment(
        page_head("Queue"),
        rx.el.nav(rx.el.ul(rx.foreach(Queue.tabs, _tab), class_name="tabs"), aria_label="Tabs"),
        _filter(),
        rx.cond(
            Queue.ready,
            rx.cond(Queue.error != "", misread(Queue.error, Queue.mended, "All that waits", "/queue"), _listed()),
            skeleton(),
        ),
    )  # fmt: skip


PAGES = [Page("/queue", "Queue · Bluebook", queue, [Queue.load])]
