"""Adding a channel or a supplier: first which connector, then what it wants to be told."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.owner import owner_question
from webui.components.parts import button, cut_off, empty, link, may, outside, page_head, waiting
from webui.components.settings import config_fields, flag, text_field
from webui.pages import Page
from webui.states.adding import Adding, ConnectorLink


def _connector(one: rx.Var[ConnectorLink]) -> rx.Component:
    return rx.el.li(
        link(one.title, to=one.href, class_name="button", aria_current=rx.cond(Adding.connector == one.slug, "true", "false")),
        key=one.slug,
    )  # fmt: skip


def _form(noun: str, own: list[Any], permission: Permission, save: Any) -> rx.Component:
    problem = rx.cond(Adding.problem != "", rx.el.p(Adding.problem, role="alert", class_name="issue bad"))
    return rx.el.section(
        rx.el.h2(Adding.title),
        rx.el.p(outside("What the other side says about its interface", href=Adding.docs), class_name="hint"),
        rx.cond(Adding.scopes != "", rx.el.p("Scopes its credentials need: ", rx.el.code(Adding.scopes), class_name="hint")),
        rx.el.form(
            rx.el.fieldset(
                rx.el.div(*own, class_name="fields"), config_fields(Adding.fields, Adding.more_fields),
                disabled=cut_off(), class_name="bare stack",
            ),
            problem,
            rx.cond(
                Adding.asks_owner,
                flag("Ask its owner in the browser", "owner", Adding.must_ask, key=Adding.connector),
            ),
            rx.cond(Adding.untested, flag("Add it all the same; it can be tested later", "untested", False)),
            rx.el.div(
                button(
                    rx.cond(Adding.busy, "Trying …", f"Test and add this {noun}"), permission=permission, type="submit",
                    tone="primary", disabled=Adding.busy,
                ),
                class_name="row",
            ),
            on_submit=save, reset_on_submit=False, key=Adding.connector, class_name="stack", aria_label=f"Add a {noun}",
        ),
        class_name="card",
    )  # fmt: skip


def _page(noun: str, about: str, own: list[Any], permission: Permission, save: Any) -> rx.Component:
    back = link(f"All {noun}s", to=f"/{noun}s", class_name="button")
    choose = rx.el.section(
        rx.el.h2("Connector"),
        rx.el.ul(rx.foreach(Adding.connectors, _connector), class_name="chips"),
        class_name="card",
    )
    problem = rx.cond(Adding.problem != "", rx.el.p(Adding.problem, role="alert", class_name="issue bad"))
    asked = owner_question(Adding.question, Adding.title, Adding.take_answer, Adding.problem)
    body = rx.fragment(
        choose,
        rx.cond(
            Adding.question.url != "", asked,
            rx.cond(Adding.connector != "", _form(noun, own, permission, save), problem),
        ),
    )  # fmt: skip
    forbidden = empty(f"You may not add a {noun}.", rx.el.p("A manager or an admin may."))
    return rx.fragment(
        page_head(f"Add a {noun}", back, about=about),
        rx.cond(Adding.ready, rx.cond(may(permission), body, forbidden), waiting(3)),
    )


def new_channel() -> rx.Component:
    """A channel is added."""
    own = [text_field("Name", "name", "", "What to call it here.", required=True, max_length=80)]
    about = "It is pulled from as soon as it is there."
    return _page("channel", about, own, Permission.CHANNELS, Adding.add_channel)


def new_supplier() -> rx.Component:
    """A supplier is added."""
    own = [
        text_field("Name", "name", "", "What to call it here.", required=True, max_length=80),
        text_field("Code", "code", "", "A short word for lists, such as ACME.", required=True, max_length=16),
        text_field("Currency", "currency", "USD", "Of its costs.", required=True, max_length=3),
    ]
    about = "Its shipping methods and what it offers are added afterwards."
    return _page("supplier", about, own, Permission.SUPPLIERS, Adding.add_supplier)


PAGES = [
    Page("/channels/new", "Add a channel · Bluebook", new_channel, Adding.load),
    Page("/suppliers/new", "Add a supplier · Bluebook", new_supplier, Adding.load),
]
