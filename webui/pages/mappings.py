"""Mappings: tabs for shipping and SKUs, what is missing first, each with its choice beside it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.dialogs import dialog
from webui.components.parts import PlainForm, anchor, button, empty, field, link, may, page_head, waiting
from webui.components.settings import cell, kinds, table
from webui.pages import Page
from webui.states.mappings import Covered, Mapped, Mappings, Missing, Option

MAY = Permission.MAPPINGS


def _hidden(name: str, value: Any) -> rx.Component:
    return rx.el.input(type="hidden", name=name, value=value, read_only=True)


def _option(one: rx.Var[Option]) -> rx.Component:
    return rx.el.option(one.title, value=one.value)


def _choice(row: rx.Var[Missing], control: rx.Component, save: Any) -> rx.Component:
    """The choice beside what is missing; saving it checks the orders that wait."""
    return rx.cond(
        may(MAY),
        rx.el.form(
            _hidden("row", row.id), _hidden("channel", row.channel), _hidden("name", row.name),
            _hidden("supplier", row.supplier), _hidden("title", row.title),
            control,
            button("Save", rx.el.span(" ", row.what, class_name="sr-only"), permission=MAY, type="submit", tone="primary"),
            rx.cond(Mappings.problem_at == row.id, rx.el.p(Mappings.problem, role="alert", class_name="issue bad")),
            on_submit=save, reset_on_submit=False, class_name="row", aria_label=f"Map {row.what}",
        ),
        rx.el.span("not mapped", class_name="hint"),
    )  # fmt: skip


def _rate(row: rx.Var[Missing]) -> rx.Component:
    control = rx.el.select(
        rx.el.option("Choose a method …", value=""), rx.foreach(row.options, _option), name="goes", required=True,
        aria_label=f"Method of {row.supplier} for {row.what}",
    )  # fmt: skip
    return rx.el.tr(
        cell("Waiting", link(row.waiting, to=row.waiting_href)),
        cell("Channel", row.channel),
        cell("Rate", row.what),
        cell("Supplier", row.supplier),
        cell("Goes by", _choice(row, control, Mappings.map_rate)),
        role="row", key=row.id,
    )  # fmt: skip


def _sku(row: rx.Var[Missing]) -> rx.Component:
    names = f"products {row.id}"
    none = rx.el.span("no order", class_name="hint")
    control = rx.fragment(
        rx.el.input(
            name="goes", required=True, auto_complete="off", list=names, max_length=500, placeholder="product, or A=2, B",
            default_value=row.proposed,
            aria_label=f"Product for {row.what}", on_change=Mappings.look(row.id).debounce(300),
        ),
        rx.el.datalist(rx.foreach(row.options, _option), id=names),
    )  # fmt: skip
    return rx.el.tr(
        cell("Waiting", rx.cond(row.waiting != "", link(row.waiting, to=row.waiting_href), none)),
        cell("Channel", row.channel),
        cell("SKU", rx.el.code(row.what), rx.cond(row.title != "", rx.el.div(row.title, class_name="hint"))),
        cell("Is", _choice(row, control, Mappings.map_sku)),
        role="row", key=row.id,
    )  # fmt: skip


def _cover(one: rx.Var[Covered]) -> rx.Component:
    name = rx.el.span(" ", one.channel, class_name="sr-only")
    return rx.el.li(
        rx.el.strong(one.channel), ": ", one.sentence,
        rx.cond(one.error != "", rx.el.div(one.error, class_name="issue bad")),
        rx.el.div(
            button("Import now", name, permission=MAY, on_click=Mappings.import_listings(one.id)),
            rx.cond(
                one.unmapped,
                rx.fragment(
                    button("Map what is beyond doubt", name, permission=MAY, on_click=Mappings.take_sure(one.id)),
                    button("Make products of the others", name, permission=MAY, on_click=Mappings.make_products(one.id)),
                ),
            ),
            class_name="row",
        ),
        key=one.id,
    )  # fmt: skip


def _coverage() -> rx.Component:
    """How much of what channels offer is mapped; beyond doubt is the same SKU or the same barcode."""
    return rx.cond(
        Mappings.covered.length() > 0,
        rx.el.section(
            rx.el.h2("What channels offer"), rx.el.ul(rx.foreach(Mappings.covered, _cover), class_name="plain"),
            class_name="card",
        ),
    )  # fmt: skip


def _missing() -> rx.Component:
    rates = table("Rates that are not mapped", ("Waiting", "Channel", "Rate", "Supplier", "Goes by"),
                  rx.foreach(Mappings.missing, _rate))  # fmt: skip
    skus = table("SKUs that are not mapped", ("Waiting", "Channel", "SKU", "Is"), rx.foreach(Mappings.missing, _sku))
    return rx.fragment(
        rx.el.h2(rx.cond(Mappings.tab == "sku", "SKUs that are not mapped", "Rates that are not mapped")),
        rx.cond(
            Mappings.missing.length() > 0,
            rx.cond(Mappings.tab == "sku", skus, rates),
            empty(
                rx.cond(Mappings.tab == "sku", "No SKU is missing.", "No rate is missing."),
                rx.el.p(
                    rx.cond(
                        Mappings.tab == "sku",
                        "No order waits for a SKU, and nothing offered is without a product.",
                        "No order waits for a shipping method.",
                    )
                ),
                rx.cond(
                    Mappings.elsewhere != "",
                    rx.el.p(
                        link(Mappings.elsewhere, to=rx.cond(Mappings.tab == "sku", "/mappings", "/mappings?tab=sku"))
                    ),
                ),
            ),
        ),
        rx.cond(Mappings.more_missing > 0, rx.el.p("and ", Mappings.more_missing, " more", class_name="hint")),
    )


def _remove(row: rx.Var[Mapped]) -> rx.Component:
    name = rx.el.span(" ", row.what, class_name="sr-only")
    return button("Remove", name, permission=MAY, on_click=Mappings.ask_remove(row.id))


def _confirm() -> rx.Component:
    return dialog(
        f"Remove the mapping of {Mappings.removing_what}?",
        rx.el.p("Unsent orders that go by it wait for a person again; what is held by it is not sent."),
        rx.el.div(
            button("Remove", permission=MAY, tone="danger", on_click=Mappings.remove),
            button("Keep", on_click=Mappings.ask_remove("")),
            class_name="row",
        ),
        open=Mappings.removing != "", close=Mappings.ask_remove(""),
    )  # fmt: skip


def _mapping(row: rx.Var[Mapped]) -> rx.Component:
    return rx.el.tr(
        cell("Channel", row.channel),
        cell("Rate", row.what),
        cell("Supplier", row.supplier),
        cell("Goes by", row.goes),
        cell("By", row.by),
        cell("Actions", _remove(row)),
        role="row", key=row.id,
    )  # fmt: skip


def _listing(row: rx.Var[Mapped]) -> rx.Component:
    return rx.el.tr(
        cell("Channel", row.channel),
        cell("SKU", rx.el.code(row.what), rx.cond(row.title != "", rx.el.div(row.title, class_name="hint"))),
        cell("Is", row.goes),
        cell("Actions", _remove(row)),
        role="row", key=row.id,
    )  # fmt: skip


def _mapped() -> rx.Component:
    rates = table("Shipping mappings", ("Channel", "Rate", "Supplier", "Goes by", "By", "Actions"),
                  rx.foreach(Mappings.mapped, _mapping))  # fmt: skip
    skus = table("SKU mappings", ("Channel", "SKU", "Is", "Actions"), rx.foreach(Mappings.mapped, _listing))
    return rx.fragment(
        rx.el.h2("Mapped"),
        rx.el.form(
            field("Words", rx.el.input(name="text", type="search", default_value=Mappings.text, max_length=200)),
            rx.el.button("Filter", type="submit", class_name="button"),
            on_submit=Mappings.find, class_name="filters", aria_label="Filter mappings", key=f"{Mappings.tab}{Mappings.text}",
        ),
        rx.cond(
            Mappings.mapped.length() > 0,
            rx.cond(Mappings.tab == "sku", skus, rates),
            empty(rx.cond(Mappings.text != "", "No mapping matches.", "Nothing is mapped yet.")),
        ),
        rx.cond(Mappings.next != "", rx.el.nav(link("Next ›", to=Mappings.next, class_name="button"), aria_label="Pages")),
    )  # fmt: skip


def _files() -> rx.Component:
    """Mappings out and in as CSV; the file goes up as a whole page, as forms of files do."""
    upload = PlainForm.create(
        field("CSV file", rx.el.input(type="file", name="file", accept=".csv,text/csv", required=True),
              "Columns kind (rate or sku), channel, rate, supplier, method, sku, product, quantity. "
              "The export has what is missing too: fill in its method or product."),
        button("Import", permission=MAY, type="submit"),
        method="post", action="/import/mappings", enc_type="multipart/form-data", class_name="filters",
        aria_label="Import mappings",
    )  # fmt: skip
    return rx.el.section(
        rx.el.h2("As CSV"),
        rx.el.p(anchor("Export CSV", href="/export/mappings.csv", class_name="button", download=True)),
        rx.cond(may(MAY), upload),
        class_name="card",
    )


def mappings() -> rx.Component:
    """What is missing, what is mapped, and both as files."""
    return rx.fragment(
        page_head("Mappings", about="What rates and SKUs of channels stand for at suppliers."),
        kinds(Mappings.tab),
        rx.cond(Mappings.ready, rx.fragment(_coverage(), _missing(), _mapped(), _files(), _confirm()), waiting()),
    )


PAGES = [Page("/mappings", "Mappings · Bluebook", mappings, Mappings.load)]
