"""The dialog that edits an order: the form, then what would change, before anything does."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.services.edit import MOST_PIECES
from webui.components.dialogs import dialog
from webui.components.parts import cut_off, field
from webui.states.editing import AS_THE_RULES_SAY, AddressEdit, DiffRow, Editing, LineEdit, MethodEdit, Option


def _option(option: rx.Var[Option]) -> rx.Component:
    return rx.el.option(option.title, value=option.value)


def _line(line: rx.Var[LineEdit]) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(f"Line {line.position}: {line.sku}"),
        rx.el.p(line.title, class_name="hint"),
        rx.el.div(
            field(
                "Pieces",
                rx.el.input(
                    type="number", name=f"quantity.{line.position}", default_value=line.quantity.to_string(), min=0,
                    max=MOST_PIECES, step=1, required=True,
                ),
            ),
            field(
                "Supplier",
                rx.el.select(
                    rx.el.option("As it is", value=""), rx.el.option("As the rules say", value=AS_THE_RULES_SAY),
                    rx.foreach(line.offers, _option), name=f"supplier.{line.position}", default_value="",
                ),
            ),
            rx.el.label(
                rx.el.input(type="checkbox", name=f"drop.{line.position}"), "Drop this line", class_name="check"
            ),
            class_name="filters",
        ),
        key=line.key,
    )  # fmt: skip


def _method(one: rx.Var[MethodEdit]) -> rx.Component:
    return rx.el.label(
        rx.el.span(f"{one.supplier}, PO {one.po}", class_name="label"),
        rx.el.select(
            rx.el.option(f"As it is: {one.now}", value=""), rx.el.option("As the mapping says", value=AS_THE_RULES_SAY),
            rx.foreach(one.methods, _option), name=f"method.{one.po}", default_value="",
        ),
        class_name="field",
        key=one.po,
    )  # fmt: skip


def _address(one: rx.Var[AddressEdit]) -> rx.Component:
    return rx.el.label(
        rx.el.span(one.label, class_name="label"),
        rx.el.input(name=f"address.{one.name}", default_value=one.value, max_length=500, auto_complete="off"),
        class_name="field",
        key=one.name,
    )


def _problem() -> rx.Component:
    return rx.cond(Editing.problem != "", rx.el.p(Editing.problem, role="alert", class_name="issue"))


def _form() -> rx.Component:
    return rx.el.form(
        rx.foreach(Editing.lines, _line),
        rx.cond(
            Editing.methods.length() > 0,
            rx.el.fieldset(
                rx.el.legend("Shipping method"), rx.el.div(rx.foreach(Editing.methods, _method), class_name="fields")
            ),
        ),
        rx.el.fieldset(rx.el.legend("Ship to"), rx.el.div(rx.foreach(Editing.address, _address), class_name="fields")),
        field("Note", rx.el.textarea(name="note", default_value=Editing.note, rows=3, max_length=10_000, class_name="wide")),
        _problem(),
        rx.el.div(
            rx.el.button("See what changes", type="submit", class_name="button primary", disabled=cut_off()),
            rx.el.button("Leave as it is", type="button", class_name="button", on_click=Editing.close),
            class_name="tools",
        ),
        on_submit=Editing.review, reset_on_submit=False, class_name="stack", key=f"edit-{Editing.turn}",
        custom_attrs={"data-typed": "1"},
    )  # fmt: skip


def _diff(row: rx.Var[DiffRow]) -> rx.Component:
    def cell(label: str, said: Any) -> rx.Component:
        return rx.el.td(said, role="cell", custom_attrs={"data-label": label})

    return rx.el.tr(
        cell("What", row.what), cell("Before", rx.el.del_(row.before)), cell("After", rx.el.ins(row.after)), role="row"
    )


def _review() -> rx.Component:
    heads = ("What", "Before", "After")
    return rx.el.form(
        rx.el.h3("This would change", tab_index=-1, custom_attrs={"data-arrives": "1"}),
        rx.el.table(
            rx.el.caption("What would change", class_name="sr-only"),
            rx.el.thead(
                rx.el.tr(*[rx.el.th(h, scope="col", role="columnheader") for h in heads], role="row"), role="rowgroup"
            ),
            rx.el.tbody(rx.foreach(Editing.changes, _diff), role="rowgroup"),
            role="table", class_name="cards diff",
        ),
        field("Why? (kept in the blue book)", rx.el.input(name="reason", max_length=500, auto_complete="off", class_name="wide")),
        _problem(),
        rx.el.div(
            rx.el.button("Save", type="submit", class_name="button primary", disabled=cut_off()),
            rx.el.button("Back to the form", type="button", class_name="button", on_click=Editing.back),
            class_name="tools",
        ),
        on_submit=Editing.save, reset_on_submit=False, class_name="stack",
    )  # fmt: skip


def edit_dialog() -> rx.Component:
    """There while an order is edited. The form stays while the changes are looked at, so that nothing typed is lost."""
    return dialog(
        f"Edit {Editing.number}",
        rx.el.div(_form(), hidden=Editing.reviewing),
        rx.cond(Editing.reviewing, _review()),
        open=(Editing.opened_in > 0) & (Editing.opened_in == Editing.visit),
        close=Editing.close,
        id="edit",
    )
