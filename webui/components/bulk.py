"""What is done to many orders: the bar when some are chosen, and the dialog that says first what would happen."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.dialogs import dialog
from webui.components.parts import button, link, may
from webui.states.base import Book
from webui.states.bulk import Bulk, Left, Share
from webui.states.orders import Orders


def checkbox(order_id: Any, number: Any) -> rx.Component:
    """Chooses one order."""
    return rx.el.input(
        type="checkbox", checked=Bulk.everything | Bulk.chosen.contains(order_id), aria_label=f"Choose order {number}",
        on_change=lambda checked: Bulk.toggle(order_id, checked),
    )  # fmt: skip


def checkbox_all() -> rx.Component:
    """Chooses all orders on the page."""
    every = (Bulk.chosen.length() > 0) & (Bulk.chosen.length() >= Orders.rows.length())
    return rx.el.input(
        type="checkbox", checked=Bulk.everything | every, aria_label="Choose all orders on this page",
        on_change=Bulk.toggle_page,
    )  # fmt: skip


def bar() -> rx.Component:
    """What can be done with what is chosen."""
    chosen = rx.cond(Bulk.everything, Orders.matching, Bulk.chosen.length())
    more = ~Bulk.everything & (Orders.matching > Bulk.chosen.length())
    return rx.cond(
        Bulk.everything | (Bulk.chosen.length() > 0),
        rx.el.div(
            rx.el.p(rx.el.strong(chosen, " selected"), role="status"),
            button("Process", tone="primary", permission=Permission.PROCESS, on_click=Bulk.ask_process),
            button("Cancel orders …", tone="danger", permission=Permission.CANCEL, on_click=Bulk.ask_cancel),
            rx.cond(more, button("Select all ", Orders.count, " in this view", tone="quiet", on_click=Bulk.choose_all)),
            button("Clear selection", tone="quiet", on_click=Bulk.clear),
            class_name="bulk-bar", role="region", aria_label="Selected orders",
        ),
    )  # fmt: skip


def _share(share: rx.Var[Share]) -> rx.Component:
    return rx.el.li(
        rx.el.strong(share.supplier), " ", share.purchase_orders, " purchase orders, ", share.cost, key=share.supplier
    )


def _left(left: rx.Var[Left]) -> rx.Component:
    return rx.el.li(
        rx.cond(left.href != "", link(left.number, href=left.href), rx.fragment()), " ", left.reason, key=left.number
    )


def _summary() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Bulk.action == "process",
            rx.el.p(
                rx.el.strong(Bulk.ready, " of ", Bulk.total, " orders"), " will be held and then sent: ", Bulk.amount,
                rx.cond(Bulk.largest != "", rx.fragment(". The largest is ", Bulk.largest, "."), rx.fragment()),
            ),
            rx.el.p(
                rx.el.strong(Bulk.ready, " orders"), " will be canceled. What was sent is asked for, and the supplier answers.",
            ),
        ),
        rx.cond(Bulk.shares.length() > 0, rx.el.ul(rx.foreach(Bulk.shares, _share), class_name="stack")),
        rx.cond(
            Bulk.beyond > 0,
            rx.el.p(Bulk.beyond, " more are beyond what one person may process in one go, and stay ready.", class_name="issue"),
        ),
        rx.cond(
            Bulk.left_out.length() > 0,
            rx.el.details(
                rx.el.summary(Bulk.failed, " left out"), rx.el.ul(rx.foreach(Bulk.left_out, _left), class_name="stack"), open=True
            ),
        ),
        rx.el.div(
            rx.cond(
                Bulk.action == "process",
                button("Process ", Bulk.ready, " orders", tone="primary", permission=Permission.PROCESS,
                       disabled=Bulk.ready == 0, on_click=Bulk.run_process),
                button("Cancel ", Bulk.ready, " orders", tone="danger", permission=Permission.CANCEL,
                       disabled=Bulk.ready == 0, on_click=Bulk.run_cancel),
            ),
            button("Back", on_click=Bulk.close),
            class_name="row",
        ),
    )  # fmt: skip


def _progress() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            Bulk.done,
            " of ",
            Bulk.ready,
            rx.cond(Bulk.action == "process", " orders processed, ", " orders done, "),
            Bulk.failed,
            " failed",
            rx.cond(Bulk.undone != "", rx.fragment(" · ", Bulk.undone), rx.fragment()),
            role="status",
        ),
        rx.el.progress(value=Bulk.done.to_string(), max=Bulk.ready.to_string(), aria_label="Orders done"),
        rx.cond(
            Bulk.failures.length() > 0,
            rx.el.div(rx.el.h3("Failed"), rx.el.ul(rx.foreach(Bulk.failures, _left), class_name="stack")),
        ),
        rx.el.div(
            rx.cond(Bulk.running, button("Stop", permission=Permission.PROCESS, on_click=Bulk.stop)),
            rx.cond(
                Bulk.can_undo & (Book.figures.held > 0),
                button("Undo what is still held", permission=Permission.UNDO, on_click=Bulk.undo),
            ),
            button(rx.cond(Bulk.over, "Done", "Keep running in the background"), on_click=Bulk.close),
            class_name="row",
        ),
    )


def bulk_dialog() -> rx.Component:
    """First the summary, then how far it is."""
    title = rx.cond(Bulk.action == "cancel", "Cancel orders", "Process orders")
    body = rx.el.div(rx.cond(Bulk.running | Bulk.over, _progress(), _summary()), class_name="stack")
    return dialog(title, body, open=Bulk.action != "", close=Bulk.close, id="bulk")


def may_choose() -> Any:
    """Is there anything to be done with what is chosen?"""
    return may(Permission.PROCESS)
