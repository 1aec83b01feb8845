"""Suppliers: the list with how each works, and the settings of one."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.figures import supplier_figures
from webui.components.offers import offering
from webui.components.parts import (
    badge,
    button,
    definition,
    empty,
    field,
    link,
    may,
    outside,
    page_head,
    titled,
    waiting,
)
from webui.components.settings import (
    cell,
    credentials_card,
    flag,
    form,
    name_card,
    own,
    removal_card,
    row_acts,
    settings_page,
    standing_card,
    standing_cells,
    table,
    text_field,
)
from webui.pages import Page
from webui.states.figures import SupplierFigures
from webui.states.offers import Offering
from webui.states.suppliers import NUMBERS, WORKING, MethodRow, OfferRow, SupplierRow, Suppliers, SupplierSettings

MAY = Permission.SUPPLIERS


def _row(row: rx.Var[SupplierRow]) -> rx.Component:
    it = row.it
    return rx.el.tr(
        cell("Supplier", link(row.code, to=it.href), rx.el.div(it.name, class_name="hint")),
        *standing_cells(it, "Last heard"),
        cell("Methods", link(row.methods, to=row.methods_href), class_name="number"),
        cell("Products", link(row.offers, to=row.offers_href), class_name="number"),
        cell("Acknowledges within", row.ack, class_name="number"),
        cell("Ships within", row.ship, class_name="number"),
        cell("Can be asked", rx.cond(row.can_find, "yes", "no"), title=row.finds),
        row_acts(it, MAY, Suppliers.resume(row.code)),
        role="row", key=row.code,
    )  # fmt: skip


COLUMNS = (
    "Supplier", "State", "Last heard", "Methods", "Products", "Acknowledges within", "Ships within", "Can be asked",
    "Actions",
)  # fmt: skip


def suppliers() -> rx.Component:
    """Every supplier, or what to do where there is none."""
    add = rx.cond(may(MAY), link("Add a supplier", to="/suppliers/new", class_name="button primary"))
    none = empty("There is no supplier yet.", rx.el.p("A supplier is who ships: purchase orders go to them."))
    rows = table("Suppliers", COLUMNS, rx.foreach(Suppliers.rows, _row))
    return rx.fragment(
        page_head("Suppliers", add, about="Who ships. How quick each is stands on its page and on the Dashboard."),
        rx.cond(Suppliers.ready, rx.cond(Suppliers.rows.length() > 0, rows, none), waiting(4)),
    )


# --- the settings of one ------------------------------------------------------------------------------------------------


def _general() -> rx.Component:
    of = SupplierSettings
    row = of.row
    return rx.el.div(
        standing_card(
            of, "Last heard",
            definition("Code", row.code),
            definition("Connector", outside(of.connector_name, href=of.docs)),
            definition("Unclear answers", row.finds),
            definition("Products", link(row.offers, to=row.offers_href)),
            definition("Orders", link("its orders", to=of.orders_href)),
            definition("Invoices", link("its invoices", to=of.invoices_href)),
            permission=MAY, noun="supplier",
            pauses="For a while: orders for it wait, and are sent when somebody resumes it.",
            disables="Disabled: no new order goes to it; those that want it need a person.",
        ),
        name_card(of, MAY),
        supplier_figures(),
        removal_card(of, permission=MAY, noun="supplier"),
        class_name="columns",
    )  # fmt: skip


def _deadlines() -> rx.Component:
    of = SupplierSettings
    hints = {
        "ack_hours": "Later, the order needs a person.", "tracking_hours": "Later, the order needs a person.",
        "settle_seconds": "How long after an attempt its absence at the supplier counts.",
        "poll_seconds": "0: only when asked",
    }  # fmt: skip
    numbers = [
        text_field(label, name, of.values[name], hints.get(name, ""), input_mode="numeric", required=True)
        for name, label in NUMBERS.items()
    ]
    about = {
        "work_hours": "Such as Mon-Fri 09:00-17:00, Sat 10:00-13:00. Empty: around the clock.",
        "work_timezone": "Such as America/New_York. Empty: UTC.",
        "holidays": "Such as 2026-11-26, 12-25 (every year), 2026-07-27..2026-08-07.",
    }
    working = [text_field(label, name, of.values[name], about[name]) for name, label in WORKING.items()]
    return rx.el.section(
        rx.el.h2("Deadlines"),
        form(
            rx.el.div(*numbers, *working, class_name="fields"),
            flag("Ships to PO boxes", "po_box", of.po_box),
            permission=MAY, submit="Save", on_submit=of.save_deadlines, **own(of, "deadlines"),
            label="Deadlines",
        ),
        class_name="card",
    )  # fmt: skip


def _method(row: rx.Var[MethodRow]) -> rx.Component:
    name = rx.el.span(" ", row.title, class_name="sr-only")
    return rx.el.tr(
        cell("Code", rx.el.code(row.code)),
        cell("Method", row.title),
        cell("Carrier", row.carrier),
        cell("Offered", rx.cond(row.enabled, badge("offered", "good"), badge("not offered", "done"))),
        cell(
            "Actions",
            rx.cond(
                row.enabled,
                button("Stop offering", name, permission=MAY, on_click=SupplierSettings.offer_method(row.code, False)),
                button("Offer", name, permission=MAY, on_click=SupplierSettings.offer_method(row.code, True)),
            ),
        ),
        role="row", key=row.id.to_string(),
    )  # fmt: skip


def _methods() -> rx.Component:
    of = SupplierSettings
    rows = table(
        "Shipping methods", ("Code", "Method", "Carrier", "Offered", "Actions"), rx.foreach(of.methods, _method)
    )
    add = rx.el.section(
        rx.el.h2("Add a method"),
        form(
            rx.el.div(
                text_field("Code", "code", "", "As the supplier knows it.", required=True, max_length=80),
                text_field("Name", "name", "", "As people call it: UPS Ground.", required=True, max_length=120),
                text_field("Carrier", "carrier", "", "Such as ups; may stay empty.", max_length=40),
                class_name="fields",
            ),
            permission=MAY, submit="Add", on_submit=of.add_method, **own(of, "method"),
            label="Add a method",
        ),
        class_name="card",
    )  # fmt: skip
    none = empty("It offers no shipping method yet.", rx.el.p("Rates that customers choose are mapped to methods."))
    return rx.fragment(
        rx.el.h2("Shipping methods"), rx.cond(of.methods.length() > 0, rows, none), rx.cond(may(MAY), add)
    )


def _offer(row: rx.Var[OfferRow]) -> rx.Component:
    return rx.el.tr(
        cell("SKU", rx.el.code(row.sku)),
        cell("Product", row.title),
        cell("Its SKU", rx.el.code(row.offered_as)),
        cell("Cost", row.cost, class_name="number"),
        cell("Stock", row.stock, class_name="number"),
        cell("Offered", rx.cond(row.enabled, "yes", "no")),
        role="row", key=row.sku,
    )  # fmt: skip


def _products() -> rx.Component:
    of = SupplierSettings
    columns = ("SKU", "Product", "Its SKU", "Cost", "Stock", "Offered")
    return rx.fragment(
        rx.el.h2("Products it offers"),
        rx.el.form(
            field("SKU or title", rx.el.input(name="text", type="search", default_value=of.search, max_length=200)),
            rx.el.button("Search", type="submit", class_name="button"),
            on_submit=of.find_offers, class_name="filters", aria_label="Products", key=of.search,
        ),
        rx.cond(
            of.offers.length() > 0,
            table("Products", columns, rx.foreach(of.offers, _offer)),
            empty(
                rx.cond(of.search != "", "No product matches.", "It offers no product yet."),
                rx.cond(of.search == "", rx.el.p("Orders can go to it once it is said what it offers, and at which cost.")),
            ),
        ),
        rx.cond(of.next != "", rx.el.nav(link("Next ›", to=of.next, class_name="button"), aria_label="Pages")),
        offering(),
    )  # fmt: skip


def supplier() -> rx.Component:
    """The settings of a supplier, a section at a time."""
    return settings_page(
        SupplierSettings, "supplier",
        rx.match(
            SupplierSettings.part, ("deadlines", _deadlines()), ("methods", _methods()), ("products", _products()),
            ("credentials", credentials_card(SupplierSettings, MAY)), _general(),
        ),
    )  # fmt: skip


PAGES = [
    Page("/suppliers", "Suppliers · Bluebook", suppliers, Suppliers.load),
    Page(
        "/suppliers/[supplier_code]",
        titled(SupplierSettings.row.it.name, "Settings for a supplier", "Settings for "),
        supplier,
        [SupplierSettings.load, SupplierFigures.load, Offering.load],
    ),
]
