"""Pieces of the pages of settings: a connector's fields, how a connection stands, sections as links, forms that are saved."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.parts import badge, button, cut_off, definition, empty, field, link, may, page_head, time, waiting
from webui.states.connection import FieldView, PartLink, Standing


def sections(title: Any, parts: Any, current: Any) -> rx.Component:
    """The sections of a page of settings, as links."""

    def one(part: rx.Var[PartLink]) -> rx.Component:
        return rx.el.li(
            link(part.title, to=part.href, aria_current=rx.cond(current == part.id, "page", "false")), key=part.id
        )

    return rx.el.nav(rx.el.ul(rx.foreach(parts, one), class_name="tabs"), aria_label=title)


def kinds(current: Any) -> rx.Component:
    """The pages of what decides how orders go, as links: both kinds of mappings, and rules."""
    pages = (("shipping", "Shipping", "/mappings"), ("sku", "SKU", "/mappings?tab=sku"), ("rules", "Rules", "/rules"))
    links = [
        rx.el.li(link(title, to=to, aria_current=rx.cond(current == name, "page", "false")))
        for name, title, to in pages
    ]
    return rx.el.nav(rx.el.ul(*links, class_name="tabs"), aria_label="Kinds")


def state_badge(it: rx.Var[Standing]) -> rx.Component:
    """How it stands, with the reason."""
    return rx.fragment(
        badge(it.state, it.tone), rx.cond(it.reason != "", rx.el.span(" ", it.reason, class_name="hint"))
    )


def facts(it: rx.Var[Standing], heard: str, *more: Any) -> rx.Component:
    """How it stands, in full."""
    return rx.el.dl(
        definition("State", state_badge(it)),
        definition(heard, time(it.heard, it.heard_iso)),
        *more,
        class_name="pairs",
    )


def form(
    *controls: Any, permission: Permission, submit: str, on_submit: Any, key: Any, problem: Any, label: str,
    more: Any = None,
) -> rx.Component:  # fmt: skip
    """A form that is saved by its button; whoever may not save sees what is set, and nothing to press."""
    return rx.el.form(
        rx.el.fieldset(*controls, disabled=~may(permission) | cut_off(), class_name="bare stack"),
        rx.cond(problem != "", rx.el.p(problem, role="alert", class_name="issue bad")),
        rx.el.div(
            button(submit, permission=permission, type="submit", tone="primary"), more or rx.fragment(), class_name="row"
        ),
        on_submit=on_submit, reset_on_submit=False, key=key, aria_label=label, class_name="stack",
    )  # fmt: skip


def own(page: Any, name: str) -> dict[str, Any]:
    """The key and the problem of one of the page's forms: it is a new one only when it was saved itself."""
    return {"key": f"{name}-{page.versions[name]}", "problem": page.problems[name]}


def flag(label: Any, name: Any, checked: Any, **props: Any) -> rx.Component:
    """Something that is on or off."""
    return rx.el.label(
        rx.el.input(type="checkbox", name=name, default_checked=checked, **props), rx.el.span(label), class_name="check"
    )


def text_field(label: str, name: str, value: Any, hint: str = "", **props: Any) -> rx.Component:
    """A field of one line."""
    return field(label, rx.el.input(name=name, default_value=value, auto_complete="off", **props), hint)


def table(title: str, columns: tuple[str, ...], body: Any) -> rx.Component:
    """A table that becomes cards where there is little room."""
    heads = [rx.el.th(name, scope="col", role="columnheader") for name in columns]
    return rx.el.table(
        rx.el.caption(title, class_name="sr-only"),
        rx.el.thead(rx.el.tr(*heads, role="row"), role="rowgroup"),
        rx.el.tbody(body, role="rowgroup"),
        role="table", class_name="cards",
    )  # fmt: skip


def cell(label: str, *children: Any, **props: Any) -> rx.Component:
    """A cell of such a table."""
    return rx.el.td(*children, role="cell", custom_attrs={"data-label": label}, **props)


def standing_cells(it: rx.Var[Standing], heard: str) -> list[rx.Component]:
    """How it stands and when it was last heard, in a list of all there are."""
    reason = rx.cond(it.reason != "", rx.el.div(it.reason, class_name="hint"))
    return [cell("State", badge(it.state, it.tone), reason), cell(heard, time(it.heard, it.heard_iso))]


def row_acts(it: rx.Var[Standing], permission: Permission, resume: Any, *more: Any) -> rx.Component:
    """What can be done from a list: using it again, ``more``, and its settings."""
    return cell(
        "Actions",
        rx.el.div(
            rx.cond(
                it.paused,
                button("Resume", rx.el.span(" ", it.name, class_name="sr-only"), permission=permission, tone="primary",
                       on_click=resume),
            ),
            *more,
            rx.el.button(
                rx.el.span("⚙", aria_hidden="true"), type="button", class_name="button icon",
                aria_label=f"Settings for {it.name}", on_click=rx.redirect(it.href),
            ),
            class_name="row",
        ),
    )  # fmt: skip


def config_field(one: rx.Var[FieldView]) -> rx.Component:
    """A setting of a connector, by its kind. What a secret is, nobody is shown; what is typed replaces it."""
    same: dict[str, Any] = {"name": one.name, "auto_complete": "off", "spell_check": False}
    plain = same | {"default_value": one.value, "required": one.required}
    control = rx.match(
        one.kind,
        ("choice", rx.el.select(rx.foreach(one.choices, lambda c: rx.el.option(c, value=c)), name=one.name,
                                default_value=one.value)),
        ("long", rx.el.textarea(rows=4, **plain)),
        ("json", rx.el.textarea(rows=3, **plain)),
        ("number", rx.el.input(input_mode="decimal", **plain)),
        # No password fields: browsers would offer to keep them as somebody's log-in, and make several log-ins of several.
        ("secret", rx.el.input(class_name="hidden-text", **same, required=one.required)),
        ("secret-long", rx.el.textarea(rows=4, class_name="hidden-text", **same, required=one.required)),
        rx.el.input(**plain),
    )  # fmt: skip
    box = rx.el.label(
        rx.el.span(one.label, rx.cond(one.required, " (needed)", ""), class_name="label"),
        control,
        rx.cond(one.hint != "", rx.el.span(one.hint, class_name="hint")),
        class_name="field",
    )
    return rx.el.div(
        rx.cond(one.kind == "flag", flag(one.label, one.name, one.value == "true"), box), key=one.name
    )  # fmt: skip


def config_fields(fields: Any, more: Any) -> rx.Component:
    """All settings of a connector; those it can do without are folded away."""
    return rx.fragment(
        rx.el.div(rx.foreach(fields, config_field), class_name="fields"),
        rx.cond(
            more.length() > 0,
            rx.el.details(
                rx.el.summary("Further settings"),
                rx.el.div(rx.foreach(more, config_field), class_name="fields"),
                class_name="more",
            ),
        ),
    )


def credentials_card(of: Any, permission: Permission, more: Any = None) -> rx.Component:
    """The connector's settings on the page ``of`` one of them, and trying them; ``more``: what else can be done there."""
    test = button(
        rx.cond(of.testing, "Testing …", "Test connection"),
        permission=permission,
        disabled=of.testing,
        on_click=of.test,
    )
    return rx.el.section(
        rx.el.h2("Credentials"),
        rx.el.p("Secrets are stored sealed and never shown again, not even here.", class_name="hint"),
        form(
            config_fields(of.fields, of.more_fields),
            permission=permission, submit="Save credentials", on_submit=of.save_credentials, **own(of, "credentials"),
            label="Credentials", more=rx.fragment(test, more or rx.fragment()),
        ),
        tried(of.tested, of.tested_tone),
        class_name="card",
    )  # fmt: skip


def settings_page(of: Any, noun: str, shown: rx.Component) -> rx.Component:
    """The page ``of`` one channel or supplier: the section that is ``shown``, below its name and the links to the others."""
    everyone = f"All {noun}s"
    whole = rx.fragment(
        page_head(f"Settings for {of.row.it.name}", link(everyone, to=f"/{noun}s", class_name="button")),
        sections("Sections", of.parts, of.part),
        shown,
    )
    missing = rx.fragment(page_head("Not found"), empty(of.missing, rx.el.p(link(everyone, to=f"/{noun}s"))))
    return rx.cond(
        of.ready,
        rx.cond(of.missing != "", missing, whole),
        rx.fragment(page_head(f"Settings for a {noun}"), waiting()),
    )


def tried(said: Any, tone: Any) -> rx.Component:
    """What trying something said; announced when it comes."""
    return rx.el.p(said, role="status", class_name="said", custom_attrs={"data-tone": tone})


def name_card(of: Any, permission: Permission) -> rx.Component:
    """What that is called which the page is ``of``, and calling it otherwise."""
    return rx.el.section(
        rx.el.h2("Name"),
        form(
            text_field("Name", "name", of.row.it.name, "as lists and orders show it", required=True, max_length=80),
            permission=permission, submit="Rename", on_submit=of.rename, **own(of, "name"), label="Rename",
        ),
        class_name="card",
    )  # fmt: skip


def removal_card(of: Any, *, permission: Permission, noun: str) -> rx.Component:
    """Removing it: what that means is said first, then its name is to be typed."""
    name = of.row.it.name
    sure = rx.fragment(
        rx.el.p(of.removal, role="status"),
        form(
            text_field(f"Type {name}", "typed", "", "Its name, so that no other is removed.", required=True, max_length=80),
            permission=permission, submit=f"Remove {name}", on_submit=of.remove, key="remove", problem=of.problems["remove"],
            label="Remove",
        ),
    )  # fmt: skip
    ask = rx.fragment(
        button(f"Remove this {noun} …", permission=permission, tone="danger", on_click=of.ask_removal),
        rx.cond(of.problems["remove"] != "", rx.el.p(of.problems["remove"], role="alert", class_name="issue bad")),
        rx.el.p("For good, once nothing of it is under way. Its orders and their blue books stay.", class_name="hint"),
    )
    return rx.cond(
        may(permission),
        rx.el.section(rx.el.h2("Remove"), rx.cond(of.removal != "", sure, ask), class_name="card stack"),
    )


def standing_card(
    of: Any, heard: str, *more: Any, permission: Permission, noun: str, pauses: str, disables: str
) -> rx.Component:
    """How it stands and what is done about that: pause and resume, for a while, and disable and enable, for good.

    ``pauses`` and ``disables`` say what follows of each.
    """
    it = of.row.it
    return rx.el.section(
        rx.el.h2("State"),
        facts(it, heard, *more),
        rx.cond(it.paused, button("Resume", permission=permission, tone="primary", on_click=of.resume)),
        rx.cond(
            ~it.paused & it.enabled & may(permission),
            rx.el.div(
                rx.el.form(
                    field("Reason of a pause", rx.el.input(name="reason", max_length=300, auto_complete="off")),
                    button("Pause", permission=permission, type="submit"),
                    on_submit=of.pause, class_name="filters", aria_label="Pause",
                ),
                rx.el.p(pauses, class_name="hint"),
            ),
        ),
        rx.cond(
            may(permission),
            rx.el.div(
                rx.cond(
                    it.enabled,
                    button(f"Disable this {noun}", permission=permission, tone="danger", on_click=of.enable(False)),
                    button(f"Enable this {noun}", permission=permission, tone="primary", on_click=of.enable(True)),
                ),
                rx.el.p(rx.cond(it.enabled, disables, f"{disables} Enabled, it is used again."), class_name="hint"),
            ),
        ),
        class_name="card stack",
    )  # fmt: skip
