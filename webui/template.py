"""The frame of every page: skip link, navigation, search, banners, notices. A page gives its own content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex_components_core.core.banner import has_connection_errors

from engine.domain.roles import Permission
from webui.components.audit import audit_drawer
from webui.components.parts import PlainForm, anchor, button, link, may
from webui.components.resolve import resolve_dialog
from webui.states.base import Book, Notice
from webui.states.doing import Doing

NAVIGATION = (
    ("dashboard", "/", "Dashboard", None),
    ("queue", "/queue", "Queue", None),
    ("orders", "/orders", "Orders", None),
    ("suppliers", "/suppliers", "Suppliers", None),
    ("invoices", "/invoices", "Invoices", None),
    ("channels", "/channels", "Channels", None),
    ("mappings", "/mappings", "Mappings", None),
    ("jobs", "/jobs", "Jobs", None),
    ("users", "/users", "Users", Permission.USERS),
)


def _nav_link(section: str, to: str, title: str, permission: Permission | None) -> rx.Component:
    here = Book.section == section
    if section == "mappings":
        here |= Book.section == "rules"  # rules stand beside them
    made = rx.el.li(link(title, to=to, aria_current=rx.cond(here, "page", "false")))
    return made if permission is None else rx.cond(may(permission), made)


def _search() -> rx.Component:
    return rx.el.form(
        rx.el.label(
            rx.el.span("Search orders", class_name="sr-only"),
            rx.el.input(
                type="search", name="text", placeholder="Orders", auto_complete="off", max_length=200, id="search"
            ),
        ),
        rx.el.button("Search", type="submit", class_name="button sr-only-narrow"),
        on_submit=Doing.search,
        reset_on_submit=False,
        role="search",
        class_name="search",
    )  # fmt: skip


def _account() -> rx.Component:
    return rx.el.div(
        button(
            rx.el.span("◐", aria_hidden="true"), rx.el.span("Change theme", class_name="sr-only"), tone="icon",
            on_click=rx.toggle_color_mode,
        ),
        link(Book.name, to="/account", class_name="account", title="Your account"),
        PlainForm.create(rx.el.button("Log out", type="submit", class_name="button quiet"), method="post", action="/logout"),
        class_name="account-box",
    )  # fmt: skip


def _notice(notice: rx.Var[Notice]) -> rx.Component:
    return rx.el.li(
        rx.el.p(notice.text, role=rx.cond(notice.tone == "bad", "alert", "status")),
        rx.cond(notice.undo != 0, button("Undo", permission=Permission.UNDO, on_click=Doing.undo(notice.undo))),
        rx.el.button(
            "×", type="button", aria_label="Dismiss", class_name="button icon", on_click=Book.dismiss(notice.id)
        ),
        class_name="notice",
        custom_attrs={"data-tone": notice.tone},
        key=notice.id.to_string(),
    )


def _banners() -> rx.Component:
    return rx.el.div(
        rx.cond(
            has_connection_errors,
            rx.el.p(
                "The server does not answer. What you see may be old; nothing can be changed. Trying again …",
                class_name="banner", role="alert",
            ),
            rx.cond(Book.lost != "", rx.el.p(Book.lost, " Trying again …", class_name="banner", role="alert")),
        ),
        rx.cond(Book.logged_out, rx.el.p("You are logged out.", custom_attrs={"data-logged-out": "1"})),
    )  # fmt: skip


def _foot() -> rx.Component:
    count = Book.figures
    return rx.el.footer(
        rx.el.p(
            count.ready, " ready · ", count.resolve, " need a person · ", count.held, " held · ", count.sent_today,
            " sent today · ",
            rx.cond(
                count.workers > 0,
                rx.fragment(count.workers, " worker", rx.cond(count.workers == 1, "", "s"), " alive"),
                rx.el.strong("no worker is running: nothing is sent"),
            ),
        ),
        class_name="foot",
    )  # fmt: skip


def framed(content: Callable[[], rx.Component]) -> Callable[[], rx.Component]:
    """The page's content within the frame."""

    def page() -> rx.Component:
        return rx.el.div(
            anchor("Skip to content", href="#main", class_name="skip"),
            rx.el.header(
                link(rx.el.img(src="/static/icon.svg", alt=""), "Bluebook", to="/", class_name="brand"),
                rx.el.nav(rx.el.ul(*[_nav_link(*entry) for entry in NAVIGATION]), aria_label="Main"),
                _search(),
                _account(),
                class_name="top",
            ),
            _banners(),
            rx.el.main(content(), id="main", tab_index=-1),
            rx.el.section(
                rx.el.ul(rx.foreach(Book.notices, _notice), class_name="notices"), aria_label="Messages"
            ),
            _foot(),
            resolve_dialog(),
            audit_drawer(),
            class_name="app",
        )  # fmt: skip

    page.__name__ = content.__name__
    return page


def head() -> list[Any]:
    """What stands in the head of every page."""
    return [
        rx.el.link(rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        rx.el.link(rel="stylesheet", href="/static/bluebook.css"),
        rx.el.script(src="/static/bluebook.js", defer=True),
    ]
