"""Where someone is logged in, as a table."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.parts import badge, button, time
from webui.states.people import SessionRow


def _row(session: rx.Var[SessionRow], revoke: Any, permission: Permission) -> rx.Component:
    def cell(label: str, *children: Any) -> rx.Component:
        return rx.el.td(*children, role="cell", custom_attrs={"data-label": label})

    return rx.el.tr(
        cell("Device", session.device),
        cell("Address", rx.el.code(session.address)),
        cell("Logged in", time(session.since, session.since_iso)),
        cell("Last seen", time(session.seen, session.seen_iso)),
        cell(
            "",
            rx.cond(
                session.mine,
                rx.el.span(badge("this one", "good")),
                button(
                    "End", on_click=revoke(session.id), permission=permission,
                    aria_label=f"End the session on {session.device}, {session.address}",
                ),
            ),
        ),
        role="row",
        key=session.id.to_string(),
    )  # fmt: skip


def listed(rows: Any, revoke: Any, permission: Permission) -> rx.Component:
    """The sessions, each with a button that ends it, but for the one that this page belongs to."""
    heads = [
        rx.el.th(head, scope="col", role="columnheader") for head in ("Device", "Address", "Logged in", "Last seen")
    ]
    return rx.cond(
        rows.length() > 0,
        rx.el.table(
            rx.el.caption("Sessions", class_name="sr-only"),
            rx.el.thead(rx.el.tr(*heads, rx.el.td(role="cell"), role="row"), role="rowgroup"),
            rx.el.tbody(rx.foreach(rows, lambda row: _row(row, revoke, permission)), role="rowgroup"),
            role="table",
            class_name="cards",
        ),
        rx.el.p("Nowhere logged in.", class_name="hint"),
    )
