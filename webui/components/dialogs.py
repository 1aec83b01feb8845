"""Dialogs and drawers: native ``<dialog>`` elements, opened and closed by what the state holds.

The browser keeps the focus inside, closes on Escape and makes the rest inert; ``static/bluebook.js`` opens them when they
appear and gives the focus back to whatever opened them when they go.
"""

from __future__ import annotations

from typing import Any

import reflex as rx


def dialog(title: Any, *children: Any, open: Any, close: Any, drawer: bool = False, **props: Any) -> rx.Component:  # noqa: A002
    """A dialog in the middle of the page, or a drawer at its side; ``close`` is what its × does."""
    props.setdefault("id", "drawer" if drawer else "dialog")
    heading = f"{props['id']}-title"
    return rx.cond(
        open,
        rx.el.dialog(
            rx.el.header(
                rx.el.h2(title, id=heading, tab_index=-1, custom_attrs={"data-first": "1"}),
                rx.el.button(
                    "×", type="button", class_name="button icon", aria_label="Close", on_click=close,
                    custom_attrs={"data-close": "1"},
                ),
                class_name="dialog-head",
            ),
            *children,
            class_name="drawer" if drawer else "modal",
            aria_labelledby=heading,
            custom_attrs={"data-modal": "1"},
            **props,
        ),
    )  # fmt: skip
