"""Routing rules: the list, the form of one, and what it would do."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.dialogs import dialog
from webui.components.parts import badge, button, empty, field, link, may, page_head, waiting
from webui.components.settings import cell, form, kinds, table, text_field, tried
from webui.pages import Page
from webui.states.orders import Choice
from webui.states.rules import MatchRow, RuleRow, Rules

MAY = Permission.SUPPLIERS
COLUMNS = ("Position", "Rule", "Holds for", "Supplier", "Actions")
MATCHES = ("Order", "SKU", "Pieces", "Without it", "By the rule", "Note")


def _rule(row: rx.Var[RuleRow]) -> rx.Component:
    name = rx.el.span(" ", row.title, class_name="sr-only")
    return rx.el.tr(
        cell("Position", row.position, class_name="number"),
        cell("Rule", row.title, rx.cond(~row.enabled, rx.el.div(badge("not in use", "done")))),
        cell("Holds for", rx.el.code(row.condition)),
        cell("Supplier", link(row.supplier, to=row.supplier_href)),
        cell(
            "Actions",
            rx.el.div(
                button("Try", name, on_click=Rules.try_rule(row.name)),
                rx.cond(may(MAY), link("Change", name, to=row.href, class_name="button")),
                button("Remove", name, permission=MAY, tone="danger", on_click=Rules.ask_remove(row.name)),
                class_name="row",
            ),
        ),
        role="row", key=row.name,
    )  # fmt: skip


def _match(row: rx.Var[MatchRow]) -> rx.Component:
    return rx.el.tr(
        cell("Order", link(row.order, to=row.href)),
        cell("SKU", rx.el.code(row.sku)),
        cell("Pieces", row.quantity, class_name="number"),
        cell("Without it", row.now),
        cell("By the rule", row.then),
        cell("Note", row.note),
        role="row", key=row.key,
    )  # fmt: skip


def _trial() -> rx.Component:
    return rx.fragment(
        tried(Rules.trial, Rules.trial_tone),
        rx.cond(
            Rules.matches.length() > 0,
            rx.fragment(
                table("Lines it holds for", MATCHES, rx.foreach(Rules.matches, _match)),
                rx.cond(Rules.more > 0, rx.el.p("And ", Rules.more, " more lines.", class_name="hint")),
            ),
        ),
    )


def _condition() -> rx.Component:
    of = Rules.chosen
    return field(
        "Holds for",
        rx.el.textarea(
            name="condition", rows=2, default_value=of.condition, spell_check=False, max_length=2000, required=True,
            class_name="mono", on_blur=Rules.typed("condition"),
            placeholder='order.region == "TX" && line.sku.startsWith("LAMP")',
        ),
        "CEL. Of order: number, channel, currency, total, items, shipping, country, region, postal_code, email, rate, payment, "
        "quantity, skus. Of line: sku, title, quantity, price. Amounts are in cents here: order.total > 50000 is above 500.00.",
    )  # fmt: skip


def _form() -> rx.Component:
    of = Rules.chosen
    name = text_field("Name", "name", "", "The blue book names it with every order.", required=True, max_length=120)
    supplier = field(
        "Supplier",
        rx.el.select(
            rx.foreach(Rules.suppliers, _supplier), name="supplier", default_value=of.supplier,
            on_change=Rules.typed("supplier"),
        ),
        "Who ships them.",
    )  # fmt: skip
    position = text_field(
        "Position", "position", of.position, "The lowest is asked first.", input_mode="numeric", required=True,
        on_blur=Rules.typed("position"),
    )  # fmt: skip
    changing = of.name != ""
    return rx.el.section(
        rx.el.h2(rx.cond(changing, f"Change {of.title}", "Add a rule")),
        form(
            rx.el.div(rx.cond(changing, rx.fragment(), name), supplier, position, class_name="fields"),
            _condition(),
            permission=MAY, submit="Save", on_submit=Rules.save, key=f"rule-{Rules.key}", problem=Rules.problem, label="Rule",
            more=rx.fragment(
                button("Try it on the waiting orders", on_click=Rules.try_it),
                rx.cond(changing, link("Leave it as it is", to="/rules", class_name="button")),
            ),
        ),
        class_name="card",
    )  # fmt: skip


def _supplier(one: rx.Var[Choice]) -> rx.Component:
    return rx.el.option(one.title, value=one.value, key=one.value)


def _confirm() -> rx.Component:
    return dialog(
        f"Remove rule {Rules.removing}?",
        rx.el.p(Rules.consequence),
        rx.el.div(
            button("Remove", permission=MAY, tone="danger", on_click=Rules.remove),
            button("Keep", on_click=Rules.ask_remove("")),
            class_name="row",
        ),
        open=Rules.removing != "", close=Rules.ask_remove(""),
    )  # fmt: skip


def rules() -> rx.Component:
    """The rules in the order in which they are asked."""
    none = empty("There is no rule yet.", rx.el.p("Lines go to suppliers by the policies of their products."))
    return rx.fragment(
        page_head(
            "Rules",
            about="Which lines go to which supplier: the first that holds for a line says so. A person's choice on an order goes "
            "before every rule, and the rules before the products' policies.",
        ),
        kinds("rules"),
        rx.cond(
            Rules.ready,
            rx.fragment(
                rx.cond(Rules.rows.length() > 0, table("Rules", COLUMNS, rx.foreach(Rules.rows, _rule)), none),
                _trial(),
                rx.cond(may(MAY), _form()),
                _confirm(),
            ),
            waiting(),
        ),
    )


PAGES = [Page("/rules", "Rules · Bluebook", rules, Rules.load)]
