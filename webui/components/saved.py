"""Saved views as links above the list, and the dialog to save, rename, share and delete them."""

from __future__ import annotations

import reflex as rx

from webui.components.dialogs import dialog
from webui.components.parts import button, field, link
from webui.states.saved import Saved, ViewLink


def _link(view: rx.Var[ViewLink]) -> rx.Component:
    return rx.el.li(
        link(
            view.name, rx.cond(view.mine, "", rx.el.span(" by ", view.owner, class_name="hint")), href=view.href,
            aria_current=rx.cond(view.here, "page", "false"),
        ),
        key=view.id.to_string(),
    )  # fmt: skip


def view_links() -> rx.Component:
    """The saved views, and a button to save this one."""
    return rx.el.nav(
        rx.el.ul(
            rx.foreach(Saved.views, _link), rx.el.li(button("+ Save view", tone="quiet", on_click=Saved.manage)),
            class_name="tabs saved",
        ),
        aria_label="Saved views",
    )  # fmt: skip


def _row(view: rx.Var[ViewLink]) -> rx.Component:
    return rx.cond(
        view.mine,
        rx.el.li(
            rx.el.form(
                rx.el.input(type="hidden", name="id", value=view.id.to_string()),
                rx.el.input(name="name", default_value=view.name, aria_label=f"Name of the view {view.name}", max_length=80),
                rx.el.button("Rename", type="submit", class_name="button"),
                on_submit=Saved.rename, reset_on_submit=False, class_name="row",
            ),
            rx.el.label(
                rx.el.input(type="checkbox", checked=view.shared, on_change=lambda on: Saved.share(view.id, on)), "shared",
                class_name="check",
            ),
            button("Delete", tone="danger", on_click=Saved.delete(view.id), aria_label=f"Delete the view {view.name}"),
            class_name="row", key=view.id.to_string(),
        ),
    )  # fmt: skip


def views_dialog() -> rx.Component:
    """Save what is shown under a name; see to the others."""
    return dialog(
        "Saved views",
        rx.el.form(
            field("Save what is shown now as", rx.el.input(name="name", required=True, max_length=80, auto_complete="off",
                                                           custom_attrs={"data-autofocus": "1"})),
            rx.el.label(rx.el.input(type="checkbox", name="shared", value="1"), "Everybody sees it", class_name="check"),
            rx.el.button("Save view", type="submit", class_name="button primary"),
            on_submit=Saved.save, reset_on_submit=True, class_name="row",
        ),
        rx.cond(Saved.views.length() > 0, rx.el.h3("Yours")),
        rx.el.ul(rx.foreach(Saved.views, _row), class_name="stack"),
        open=(Saved.opened_in > 0) & (Saved.opened_in == Saved.visit), close=Saved.close, id="views",
    )  # fmt: skip
