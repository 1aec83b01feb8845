"""What stands where there is no page."""

from __future__ import annotations

import reflex as rx

from webui.components.parts import empty, link, page_head
from webui.pages import Page


def missing() -> rx.Component:
    """No such page, and where to go."""
    return rx.fragment(
        page_head("There is no such page"),
        empty("The address leads nowhere.", rx.el.p("Go to ", link("Order History", to="/orders"), " and look there.")),
    )


PAGES = [Page("404", "Not found · Bluebook", missing)]
