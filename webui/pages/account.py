"""One's own account."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.services import passwords
from webui.components import sessions
from webui.components.parts import button, definition, field, page_head, waiting
from webui.pages import Page
from webui.states.account import MyAccount
from webui.states.base import Book


def _card(title: str, *children: Any) -> rx.Component:
    return rx.el.section(rx.el.h2(title), *children, class_name="card", aria_label=title)


def _item(text: rx.Var[str]) -> rx.Component:
    return rx.el.li(text, key=text)


def _person() -> rx.Component:
    denied = rx.fragment(
        rx.el.h3("You may not"),
        rx.el.ul(rx.foreach(MyAccount.denied, _item), class_name="listed"),
        rx.el.p("An admin can give you another role.", class_name="hint"),
    )
    return _card(
        "You",
        rx.el.dl(
            definition("Name", Book.name), definition("Role", Book.role), definition("Your time", MyAccount.now, " ", Book.zone),
            class_name="pairs",
        ),
        rx.el.h3("You may"),
        rx.el.ul(rx.foreach(MyAccount.allowed, _item), class_name="listed"),
        rx.cond(MyAccount.denied.length() > 0, denied),
    )  # fmt: skip


def _alert(text: Any, name: str) -> rx.Component:
    return rx.cond(text != "", rx.el.p(text, role="alert", class_name="notice bad", id=name))


def _zone() -> rx.Component:
    return _card(
        "Time zone",
        rx.el.form(
            _alert(MyAccount.zone_problem, "zone-problem"),
            field(
                "Times are shown in",
                rx.el.input(
                    name="zone", default_value=Book.zone, max_length=60, required=True, auto_complete="off", id="zone",
                    list="zones", spell_check=False, aria_invalid=rx.cond(MyAccount.zone_problem != "", "true", "false"),
                ),
                "Type a city, such as Berlin, and choose.",
            ),
            rx.el.datalist(rx.foreach(MyAccount.zones, lambda zone: rx.el.option(value=zone, key=zone)), id="zones"),
            rx.el.div(button("Save", type="submit", permission=Permission.VIEW), class_name="actions"),
            on_submit=MyAccount.set_zone, reset_on_submit=False, key=Book.zone, class_name="stack",
        ),
    )  # fmt: skip


def _password_field(label: str, name: str, complete: str, hint: str = "") -> rx.Component:
    wrong = MyAccount.password_field == name
    return field(
        label,
        rx.el.input(
            name=name, type="password", auto_complete=complete, required=True, max_length=1000, id=f"password-{name}",
            aria_invalid=rx.cond(wrong, "true", "false"),
            aria_describedby=rx.cond(wrong, "password-problem", "password-about"),
        ),
        hint,
    )  # fmt: skip


def _password() -> rx.Component:
    return _card(
        "Password",
        rx.el.form(
            rx.el.p(
                "With a new password, all your other sessions and your one-time links end.", id="password-about",
                class_name="hint",
            ),
            _alert(MyAccount.password_problem, "password-problem"),
            rx.el.input(
                type="text", name="username", auto_complete="username", value=Book.name, read_only=True, hidden=True,
                aria_hidden="true", tab_index=-1, id="username",
            ),
            _password_field("Present password", "old", "current-password"),
            _password_field(
                "New password", "new", "new-password",
                f"At least {passwords.SHORTEST} characters; a few words in a row are fine.",
            ),
            _password_field("New password again", "again", "new-password"),
            rx.el.div(button("Change password", type="submit", permission=Permission.VIEW), class_name="actions"),
            on_submit=MyAccount.change_password, reset_on_submit=False, key=MyAccount.password_key.to_string(),
            class_name="stack",
        ),
    )  # fmt: skip


def _sessions() -> rx.Component:
    return _card(
        "Where you are logged in",
        sessions.listed(MyAccount.mine, MyAccount.revoke, Permission.VIEW),
        rx.cond(
            MyAccount.others > 0,
            rx.el.div(
                button("End all others", on_click=MyAccount.revoke_others, permission=Permission.VIEW),
                class_name="actions",
            ),
        ),
    )


def account() -> rx.Component:
    """Everything about oneself."""
    return rx.fragment(
        page_head("Your account"),
        rx.cond(
            MyAccount.ready,
            rx.fragment(_sessions(), rx.el.div(_person(), _zone(), _password(), class_name="columns")),
            waiting(),
        ),
    )


PAGES = [Page("/account", "Your account · Bluebook", account, MyAccount.load)]
