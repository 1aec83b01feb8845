"""Users: who may log in, as what, and where they are logged in. For admins."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission, Role
from webui.components import sessions
from webui.components.dialogs import dialog
from webui.components.parts import badge, button, empty, field, link, may, page_head, time, waiting
from webui.pages import Page
from webui.states import people
from webui.states.base import Book
from webui.states.users import PATH, UserRow, Users

ADD = f"{PATH}?add=1"


def _cell(label: str, *children: Any, **props: Any) -> rx.Component:
    return rx.el.td(*children, role="cell", custom_attrs={"data-label": label}, **props)


def _row(user: rx.Var[UserRow]) -> rx.Component:
    return rx.el.tr(
        _cell(
            "Name",
            rx.el.span(
                link(user.name, to=user.href, id=f"user-{user.id}"), rx.cond(user.me, rx.el.span(" (you)", class_name="hint"))
            ),
        ),
        _cell("Role", user.role),
        _cell("State", rx.el.span(badge(user.state, user.tone))),
        _cell("E-mail", user.email),
        _cell("Last seen", rx.cond(user.seen_iso != "", time(user.seen, user.seen_iso), user.seen)),
        _cell("Sessions", user.sessions, class_name="c-quantity"),
        role="row",
        key=user.id.to_string(),
    )  # fmt: skip


def _table() -> rx.Component:
    heads = ("Name", "Role", "State", "E-mail", "Last seen", "Sessions")
    return rx.el.table(
        rx.el.caption("Users", class_name="sr-only"),
        rx.el.thead(
            rx.el.tr(*[rx.el.th(head, scope="col", role="columnheader") for head in heads], role="row"), role="rowgroup"
        ),
        rx.el.tbody(rx.foreach(Users.rows, _row), role="rowgroup"),
        role="table",
        class_name="cards",
    )


def _role_select(chosen: Any, **props: Any) -> rx.Component:
    return rx.el.select(
        *[rx.el.option(role.value, value=role.value) for role in Role], name="role", default_value=chosen, **props
    )


def _roles() -> rx.Component:
    return rx.el.details(
        rx.el.summary("What each role may do"),
        rx.el.dl(
            *[rx.el.div(rx.el.dt(role.value), rx.el.dd(people.what(role)), class_name="pair") for role in Role],
            class_name="pairs",
        ),
    )


def _problem() -> rx.Component:
    return rx.cond(Users.problem != "", rx.el.p(Users.problem, role="alert", class_name="notice bad", id="problem"))


def _adding() -> rx.Component:
    return dialog(
        "Add a user",
        rx.el.form(
            _problem(),
            field(
                "Name",
                rx.el.input(name="name", max_length=79, auto_complete="off", id="new-name", custom_attrs={"data-autofocus": "1"}),
                "What they log in as. Leave it empty to let them choose it.",
            ),
            field("E-mail", rx.el.input(name="email", type="email", max_length=254, auto_complete="off", id="new-email")),
            field("Role", _role_select(Role.VIEWER.value, id="new-role")),
            rx.el.div(
                button("Add and make a link", type="submit", tone="primary", permission=Permission.USERS),
                button("Cancel", on_click=Users.close),
                class_name="actions",
            ),
            on_submit=Users.add,
            class_name="stack",
        ),
        open=Users.adding, close=Users.close, id="add-user",
    )  # fmt: skip


def _link() -> rx.Component:
    return dialog(
        "A link that works once",
        rx.el.div(
            field(
                Users.link.title,
                rx.el.input(
                    value=Users.link.url, read_only=True, id="one-time-link", class_name="mono",
                    custom_attrs={"data-autofocus": "1", "data-select": "1"},
                ),
                "It is shown this once. Copy it and give it to them; it works once, within three days.",
            ),
            rx.el.div(button("Done", on_click=Users.forget_link, tone="primary"), class_name="actions"),
            class_name="stack",
        ),
        open=Users.link.url != "", close=Users.forget_link, id="link",
    )  # fmt: skip


def _role_form() -> rx.Component:
    return rx.el.form(
        field("Role", _role_select(Users.chosen.role, id="role")),
        button("Change role", type="submit", permission=Permission.USERS),
        on_submit=Users.set_role, key=f"{Users.chosen.name}-{Users.chosen.role}", reset_on_submit=False, class_name="filters",
    )  # fmt: skip


def _keep_out() -> rx.Component:
    sure = rx.el.div(
        rx.el.p(
            f"{Users.chosen.name} cannot log in any more, and what they have open ends. Nothing of theirs is deleted."
        ),
        rx.el.div(
            button(f"Disable {Users.chosen.name}", on_click=Users.disable, tone="danger", permission=Permission.USERS),
            button("Keep", on_click=Users.ask(False)),
            class_name="actions",
        ),
        role="group", aria_label="Are you sure?", class_name="issue",
    )  # fmt: skip
    ask = button(
        "Disable …", on_click=Users.ask(~Users.confirming), tone="danger", permission=Permission.USERS,
        aria_expanded=rx.cond(Users.confirming, "true", "false"),
    )  # fmt: skip
    return rx.fragment(
        rx.el.div(
            rx.cond(
                Users.chosen.state == "disabled",
                button("Enable", on_click=Users.enable, permission=Permission.USERS),
                rx.fragment(button("New one-time link", on_click=Users.new_link, permission=Permission.USERS), ask),
            ),
            class_name="actions",
        ),
        rx.cond(Users.confirming & (Users.chosen.state != "disabled"), sure),
    )


def _chosen() -> rx.Component:
    return dialog(
        Users.chosen.name,
        rx.el.div(
            rx.el.p(
                badge(Users.chosen.state, Users.chosen.tone), " ", Users.chosen.role,
                rx.cond(Users.chosen.email != "", rx.fragment(", ", Users.chosen.email)), ", last seen: ", Users.chosen.seen,
            ),
            _problem(),
            _role_form(),
            _roles(),
            _keep_out(),
            rx.el.h3("Sessions"),
            sessions.listed(Users.open, Users.revoke, Permission.USERS),
            rx.cond(
                Users.open.length() > 1,
                rx.el.div(
                    button("End all of them", on_click=Users.revoke_all, permission=Permission.USERS), class_name="actions"
                ),
            ),
            class_name="stack",
        ),
        open=(Users.chosen.id != 0) & (Users.link.url == ""), close=Users.close, drawer=True, id="user",
    )  # fmt: skip


def users() -> rx.Component:
    """The list with what opens over it; nothing of it for those who may not."""
    shown = rx.fragment(
        rx.cond(Users.error != "", rx.el.p(Users.error, role="alert", class_name="notice bad")),
        rx.cond(Users.ready, _table(), waiting()),
        _adding(),
        _chosen(),
        _link(),
    )
    refused = empty("This page is for admins.", rx.el.p("Your role is ", Book.role, ". Ask an admin for another one."))
    return rx.fragment(
        page_head("Users", rx.cond(may(Permission.USERS), link("Add a user", to=ADD, class_name="button primary", id="add"))),
        rx.cond(may(Permission.USERS), shown, rx.cond(Book.name != "", refused, waiting())),
    )  # fmt: skip


PAGES = [Page(PATH, "Users · Bluebook", users, Users.load)]
