"""What an order's page asks before it acts: why it is held, for how long it sleeps, whether it is to be canceled."""

from __future__ import annotations

from typing import Any

import reflex as rx

from webui.components.dialogs import dialog
from webui.components.parts import cut_off, field
from webui.states.order import SNOOZES, Order


def _form(submit: str, tone: str, on_submit: Any, *children: rx.Component) -> rx.Component:
    return rx.el.form(
        *children,
        rx.cond(Order.problem != "", rx.el.p(Order.problem, role="alert", class_name="issue")),
        rx.el.div(
            rx.el.button(submit, type="submit", class_name=f"button {tone}", disabled=cut_off()),
            rx.el.button("Back", type="button", class_name="button", on_click=Order.leave),
            class_name="tools",
        ),
        on_submit=on_submit, reset_on_submit=False, class_name="stack",
    )  # fmt: skip


def _reason(label: str, *, required: bool = False) -> rx.Component:
    return field(
        label,
        rx.el.input(name="reason", max_length=500, required=required, auto_complete="off", class_name="wide"),
        "Kept in the blue book",
    )


def _tell_channel() -> rx.Component:
    return rx.cond(
        Order.tells,
        rx.el.label(
            rx.el.input(type="checkbox", name="tell_channel"), rx.el.span(f"{Order.order.channel} cancels it too"),
            class_name="check",
        ),
    )  # fmt: skip


def _dialog(name: str, title: Any, *children: rx.Component) -> rx.Component:
    return dialog(title, *children, open=Order.dialog == name, close=Order.leave, id=f"ask-{name}")


def order_dialogs() -> rx.Component:
    """The dialogs of the page; at most one is there."""
    return rx.fragment(
        _dialog(
            "hold", f"Put order {Order.order.number} on hold",
            _form("Put on hold", "primary", Order.hold, _reason("Why?", required=True))
        ),
        _dialog(
            "snooze", f"Snooze order {Order.order.number}",
            _form(
                "Snooze", "primary", Order.snooze,
                field("For how long?", rx.el.select(*[rx.el.option(t, value=v) for v, t in SNOOZES.items()], name="hours",
                                                    default_value="4")),
            ),
        ),
        _dialog(
            "cancel", f"Cancel order {Order.order.number}?",
            rx.el.ul(rx.foreach(Order.details, lambda said: rx.el.li(said, key=said)), class_name="bullets"),
            _form("Cancel the order", "danger", Order.cancel, _reason("Why? (if you like)"), _tell_channel()),
        ),
        _dialog(
            "request", f"Request cancellation of {Order.dialog_po}?",
            rx.el.p("The supplier is asked and decides; what ships first stays shipped."),
            _form("Ask to cancel", "danger", Order.request_cancel, _reason("Why? (if you like)"), _tell_channel()),
        ),
    )  # fmt: skip
