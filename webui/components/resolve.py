"""The dialog that resolves an Issue: what is suggested, every other way, and whether it holds for next time."""

from __future__ import annotations

import reflex as rx

from webui.components.dialogs import dialog
from webui.components.parts import cut_off, field
from webui.states.resolving import ChoiceView, FieldView, Resolving


def _choice(choice: rx.Var[ChoiceView]) -> rx.Component:
    return rx.el.li(
        rx.el.label(
            rx.el.input(
                type="radio", name="choice", value=choice.index.to_string(), default_checked=choice.index == 0,
                on_change=Resolving.pick(choice.index),
            ),
            rx.el.span(
                choice.label, rx.cond(choice.details != "", rx.el.span(" ", choice.details, class_name="hint")),
            ),
            class_name="check",
        ),
        key=choice.key,
    )  # fmt: skip


def _address_field(one: rx.Var[FieldView]) -> rx.Component:
    return rx.el.label(
        rx.el.span(one.label, class_name="label"),
        rx.el.input(
            name=f"address.{one.name}", default_value=one.value, max_length=500, auto_complete="off",
            aria_invalid=rx.cond(one.wrong, "true", "false"),
        ),
        rx.cond(one.hint != "", rx.el.span(one.hint, class_name="hint")),
        class_name="field",
        key=one.name,
    )  # fmt: skip


def _search() -> rx.Component:
    return rx.el.form(
        field(
            "Find a product",
            rx.el.input(
                name="query", type="search", auto_complete="off", max_length=200, class_name="wide",
                on_change=Resolving.find.debounce(200),
            ),
            "By SKU or title; a kit as LAMP=2+SHADE",
        ),
        on_submit=Resolving.find_now, reset_on_submit=False, role="search", aria_label="Products",
    )  # fmt: skip


def _remember() -> rx.Component:
    return rx.el.div(
        rx.el.label(
            rx.el.input(type="checkbox", name="remember", default_checked=True),
            "Remember for next time",
            class_name="check",
        ),
        rx.cond(
            Resolving.waiting != "",
            rx.el.p(Resolving.waiting, " with the same cause will be checked again too.", class_name="hint"),
        ),
    )


def _asked() -> rx.Component:
    asked = Resolving.asked
    return rx.fragment(
        rx.cond(
            asked.address,
            rx.el.div(rx.foreach(Resolving.fields, _address_field), class_name="fields"),
        ),
        rx.cond(
            asked.note != "",
            field(
                rx.cond(asked.note == "must", "Whom did you ask, and when?", "Note (kept in the blue book)"),
                rx.el.input(
                    name="note", max_length=500, auto_complete="off", required=asked.note == "must", class_name="wide"
                ),
            ),
        ),
        rx.cond(
            asked.reference,
            field("Their number for it", rx.el.input(name="reference", max_length=100, auto_complete="off")),
        ),
        rx.cond(asked.remember, _remember()),
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.fieldset(
            rx.el.legend("How is it resolved?"), rx.el.ul(rx.foreach(Resolving.choices, _choice), class_name="ways")
        ),
        _asked(),
        rx.cond(Resolving.problem != "", rx.el.p(Resolving.problem, role="alert", class_name="issue")),
        rx.cond(
            Resolving.confirming,
            rx.el.p("This cannot be taken back. Is it to be done?", role="alert", class_name="issue"),
        ),
        rx.el.div(
            rx.el.button(
                rx.cond(Resolving.confirming, "Yes, do it", "Resolve"), type="submit", disabled=cut_off(),
                class_name=rx.cond(Resolving.confirming, "button danger", "button primary"),
            ),
            rx.el.button("Leave unresolved", type="button", class_name="button", on_click=Resolving.close),
            class_name="tools",
        ),
        on_submit=Resolving.resolve, reset_on_submit=False, class_name="stack", key=f"ways-{Resolving.step}",
    )  # fmt: skip


def resolve_dialog() -> rx.Component:
    """In the frame of every page; there while an Issue is being resolved."""
    return dialog(
        f"Resolve {Resolving.number}",
        rx.cond(Resolving.done != "", rx.el.p(Resolving.done, role="status", class_name="notice good")),
        rx.el.div(
            rx.el.h3(Resolving.title, tab_index=-1, custom_attrs={"data-arrives": "1"}),
            rx.el.p(Resolving.message),
            rx.el.p(Resolving.todo, class_name="hint"),
            rx.cond(
                Resolving.waiting != "",
                rx.el.p(
                    rx.el.strong(Resolving.waiting), " have the same cause. ", Resolving.frees_all, class_name="hint"
                ),
            ),
            rx.cond(Resolving.place != "", rx.el.p(Resolving.place, class_name="hint")),
            class_name="stack",
            key=f"about-{Resolving.step}",
        ),
        rx.cond(Resolving.searches, _search()),
        _form(),
        open=(Resolving.opened_in > 0) & (Resolving.opened_in == Resolving.visit),
        close=Resolving.close,
        id="resolve",
    )
