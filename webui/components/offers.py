"""How people say what a supplier offers: a form for one product, and a file for many."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.parts import PlainForm, button, field, may
from webui.components.settings import form, text_field
from webui.states.offers import Offering
from webui.states.suppliers import SupplierSettings

MAY = Permission.PRODUCTS


def _one() -> rx.Component:
    names = "products-offered"
    sku = rx.fragment(
        rx.el.input(
            name="sku", required=True, auto_complete="off", list=names, max_length=120,
            on_change=Offering.look.debounce(300),
        ),
        rx.el.datalist(rx.foreach(Offering.products, lambda sku: rx.el.option(value=sku)), id=names),
    )  # fmt: skip
    return rx.el.section(
        rx.el.h2("Add an offer"),
        form(
            rx.el.div(
                field("Your SKU", sku, "A product there is, or a new one."),
                text_field("Title", "title", "", "Of a new product.", max_length=200),
                text_field("Its SKU", "supplier_sku", "", "Empty: the same as yours.", max_length=200),
                text_field("Cost", "cost", "", "In the supplier's currency, as in 19.20.", required=True, input_mode="decimal"),
                text_field("Stock", "stock", "", "Empty: enough.", input_mode="numeric"),
                class_name="fields",
            ),
            permission=MAY, submit="Add", on_submit=Offering.add, key=f"offer-{Offering.key}", problem=Offering.problem,
            label="Add an offer",
        ),
        class_name="card",
    )  # fmt: skip


def _many() -> rx.Component:
    upload = PlainForm.create(
        rx.el.input(type="hidden", name="supplier", value=SupplierSettings.row.code, read_only=True),
        field("CSV file", rx.el.input(type="file", name="file", accept=".csv,text/csv", required=True),
              "Columns sku, supplier_sku, cost, stock, priority, and title, policy, barcode of new products."),
        rx.el.label(
            rx.el.input(type="checkbox", name="dry_run", value="1"), rx.el.span("Only say what would be done"), class_name="check"
        ),
        button("Import", permission=MAY, type="submit"),
        method="post", action="/import/offers", enc_type="multipart/form-data", class_name="filters",
        aria_label="Import offers",
    )  # fmt: skip
    return rx.el.section(rx.el.h2("As CSV"), upload, class_name="card")


def offering() -> rx.Component:
    """Both, for those who may."""
    return rx.cond(may(MAY), rx.el.div(_one(), _many(), class_name="columns"))
