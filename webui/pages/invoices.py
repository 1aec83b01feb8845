"""Suppliers' invoices: the list, and one beside what was ordered and shipped."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.audit import audit_button
from webui.components.dialogs import dialog
from webui.components.order_parts import steps
from webui.components.parts import (
    anchor,
    badge,
    button,
    definition,
    empty,
    field,
    link,
    misread,
    outside,
    page_head,
    time,
    titled,
    waiting,
)
from webui.components.settings import cell, table
from webui.pages import Page
from webui.states.invoices import InvoiceRow, Invoices, LineRow, OneInvoice, Tab
from webui.states.order_view import ParcelView
from webui.states.orders import Choice

MAY = Permission.RESOLVE


def _tab(tab: rx.Var[Tab]) -> rx.Component:
    current = rx.cond(Invoices.tab == tab.id, "page", "false")
    return rx.el.li(link(tab.title, to=tab.href, aria_current=current), key=tab.id)


def _filters() -> rx.Component:
    def choice(one: rx.Var[Choice]) -> rx.Component:
        return rx.el.option(one.title, value=one.value, key=one.value)

    of = Invoices
    return rx.el.form(
        field(
            "Supplier",
            rx.el.select(
                rx.el.option("Every supplier", value=""), rx.foreach(of.suppliers, choice), name="supplier",
                default_value=of.supplier,
            ),
        ),
        rx.el.button("Filter", type="submit", class_name="button"),
        rx.cond(of.supplier != "", link("All suppliers", to=f"/invoices?tab={of.tab}", class_name="button quiet")),
        on_submit=of.narrow, reset_on_submit=False, class_name="filters", aria_label="Invoices", key=of.supplier,
    )  # fmt: skip


def _row(row: rx.Var[InvoiceRow]) -> rx.Component:
    number = link(row.number, to=row.href, class_name="number")
    return rx.el.tr(
        cell("Invoice", number, rx.cond(row.what != "Invoice", rx.el.div(row.what, class_name="hint"))),
        cell("State", badge(row.state, row.tone)),
        cell("What does not fit", rx.cond(row.reason != "", row.reason, rx.el.span("nothing", class_name="hint"))),
        cell("Supplier", link(row.supplier, to=row.supplier_href)),
        cell("Purchase order", rx.el.span(row.po, class_name="mono")),
        cell("Order", link(row.order, to=row.order_href)),
        cell("Total", rx.cond(row.total != "", row.total, rx.el.span("not said", class_name="hint")), class_name="number"),
        cell("Came", time(row.came, row.came_iso)),
        role="row", key=row.id.to_string(),
    )  # fmt: skip


COLUMNS = ("Invoice", "State", "What does not fit", "Supplier", "Purchase order", "Order", "Total", "Came")


def _none() -> rx.Component:
    compared = rx.el.p("What suppliers charge is compared with what was ordered and shipped as it comes.")
    return rx.match(
        Invoices.tab,
        ("waits", empty("No invoice waits for its parcels.", compared)),
        ("agreed", empty("No invoice is agreed yet.", compared)),
        ("all", empty("No invoice has come yet.", compared)),
        empty("No invoice needs a person.", compared),
    )  # fmt: skip


def invoices() -> rx.Component:
    """The invoices by what became of them."""
    of = Invoices
    listed = rx.fragment(
        rx.cond(of.rows.length() > 0, table("Invoices", COLUMNS, rx.foreach(of.rows, _row)), _none()),
        rx.el.nav(
            rx.cond(of.first != "", link("« First", to=of.first, class_name="button")),
            rx.cond(of.next != "", link("Next ›", to=of.next, class_name="button")),
            aria_label="Pages", class_name="pager",
        ),
    )  # fmt: skip
    return rx.fragment(
        page_head(
            "Invoices", about="What suppliers charge, beside what was ordered and shipped. Nothing is paid here."
        ),
        rx.el.nav(rx.el.ul(rx.foreach(of.tabs, _tab), class_name="tabs"), aria_label="Tabs"),
        _filters(),
        rx.cond(
            of.ready,
            rx.cond(of.error != "", misread(of.error, of.mended, "All invoices", "/invoices?tab=all"), listed),
            waiting(),
        ),
    )


# --- one ----------------------------------------------------------------------------------------------------------------


def _line(line: rx.Var[LineRow]) -> rx.Component:
    return rx.el.tr(
        cell("Its SKU", rx.el.code(line.sku)),
        cell("Ordered", line.ordered, class_name="number"),
        cell("Shipped", line.shipped, class_name="number"),
        cell("Here", line.here, class_name="number"),
        cell("Charged in all", line.charged, class_name="number"),
        cell("Ordered at", line.ordered_at, class_name="number"),
        cell("Charged at", line.charged_at, class_name="number"),
        cell("Compared", rx.cond(line.remarks != "", badge(line.remarks, "warn", wraps=True), badge("fits", "good"))),
        role="row", key=line.sku,
    )  # fmt: skip


LINES = ("Its SKU", "Ordered", "Shipped", "Here", "Charged in all", "Ordered at", "Charged at", "Compared")


def _parcel(parcel: rx.Var[ParcelView]) -> rx.Component:
    number = rx.cond(
        parcel.href != "",
        outside(parcel.number, rx.el.span(" ↗", aria_hidden="true"), href=parcel.href),
        rx.el.span(parcel.number),
    )
    return rx.el.li(
        rx.el.span(parcel.carrier), number, rx.el.span(parcel.what, class_name="hint"),
        rx.el.span("shipped ", time(parcel.shipped, parcel.shipped_iso), class_name="hint"), key=parcel.id.to_string(),
    )  # fmt: skip


def _compared() -> rx.Component:
    of, it = OneInvoice, OneInvoice.whole.it
    return rx.el.section(
        rx.el.h2("Ordered, shipped, charged"),
        rx.el.p(
            "By the supplier's SKU. “Here” is this one alone; “charged in all” adds the other invoices of ", it.po,
            " and takes credit notes off.", class_name="hint",
        ),
        table("Ordered, shipped, charged", LINES, rx.foreach(of.lines, _line)),
        rx.el.h3("Parcels"),
        rx.cond(
            of.parcels.length() > 0,
            rx.el.ul(rx.foreach(of.parcels, _parcel), class_name="plain", aria_label=f"Parcels of {it.po}"),
            rx.el.p("Nothing of it is shipped yet.", class_name="hint"),
        ),
        class_name="card", aria_label="Ordered, shipped, charged",
    )  # fmt: skip


def _differs() -> rx.Component:
    of = OneInvoice.whole
    return rx.cond(
        of.reasons.length() > 0,
        rx.el.section(
            rx.el.h2(rx.cond(of.open & (of.it.tone == "busy"), "What it waits for", "What does not fit")),
            rx.el.ul(rx.foreach(of.reasons, lambda one: rx.el.li(one, key=one)), class_name="bullets"),
            rx.cond(
                of.it.tone == "bad",
                rx.el.p("Accept it, or ask the supplier for a credit note or another invoice: that is compared as it comes.",
                        class_name="hint"),
            ),
            class_name="card", aria_label="What does not fit",
        ),
    )  # fmt: skip


def _about() -> rx.Component:
    of, it = OneInvoice.whole, OneInvoice.whole.it
    book = audit_button(f"PO {it.po}", of.audit, id="audit-po")
    return rx.el.section(
        rx.el.h2("About"),
        rx.el.dl(
            definition("Supplier", link(it.supplier, to=it.supplier_href)),
            definition("Purchase order", rx.el.span(it.po, class_name="mono"), " ", book),
            definition("Order", link(it.order, to=it.order_href)),
            definition("Total", rx.cond(it.total != "", it.total, "not said")),
            rx.cond(of.charges != "", definition("Of it charges", of.charges)),
            definition("Dated", time(of.dated, of.dated_iso)),
            definition("Came", time(it.came, it.came_iso)),
            rx.cond(of.decided_by != "", definition("Accepted", time(of.decided, of.decided_iso), " by ", of.decided_by)),
            rx.cond(of.note != "", definition("Note", of.note)),
            class_name="pairs",
        ),
        class_name="card", aria_label="About",
    )  # fmt: skip


def _accepting() -> rx.Component:
    of, it = OneInvoice, OneInvoice.whole.it
    note = rx.el.textarea(name="note", rows=3, max_length=500, custom_attrs={"data-autofocus": "1"})
    return dialog(
        f"Accept {it.number}?",
        rx.el.form(
            rx.el.p("It is taken as it is, and the Issue about it is closed. Nothing is paid here."),
            field("Why", note, "For the blue book; may stay empty."),
            rx.cond(of.problem != "", rx.el.p(of.problem, role="alert", class_name="issue bad")),
            rx.el.div(
                button("Accept", permission=MAY, type="submit", tone="primary"), button("Leave it open", on_click=of.ask(False)),
                class_name="row",
            ),
            on_submit=of.accept, reset_on_submit=False, class_name="stack", aria_label="Accept the invoice",
        ),
        open=of.accepting, close=of.ask(False),
    )  # fmt: skip


def _shown() -> rx.Component:
    of, it = OneInvoice.whole, OneInvoice.whole.it
    head = rx.el.header(
        rx.el.h1(it.what, " ", it.number),
        badge(it.state, it.tone),
        rx.el.span(class_name="grow"),
        rx.el.div(
            rx.cond(of.open, button("Accept …", permission=MAY, tone="primary", on_click=OneInvoice.ask(True))),
            anchor("PO as PDF", href=of.pdf, class_name="button", aria_label=f"PO {it.po} as PDF", download=True),
            link("All of this supplier", to=of.all_href, class_name="button"),
            class_name="actions",
        ),
        class_name="page-head",
    )  # fmt: skip
    timeline = rx.el.section(
        rx.el.h2("What happened"), steps(OneInvoice.steps), class_name="card", aria_label="What happened"
    )
    return rx.fragment(
        head,
        rx.el.div(
            rx.el.div(_differs(), _compared(), timeline, class_name="stack"), _about(), class_name="beside",
        ),
        _accepting(),
    )  # fmt: skip


def invoice() -> rx.Component:
    """The invoice, or that there is none."""
    of = OneInvoice
    missing = rx.fragment(
        page_head("There is no such invoice"),
        empty(of.missing, rx.el.p(link("All invoices", to="/invoices?tab=all"))),
    )
    return rx.cond(
        of.ready,
        rx.cond(of.missing != "", missing, _shown()),
        rx.fragment(page_head("Invoice"), waiting()),
    )


PAGES = [
    Page("/invoices", "Invoices · Bluebook", invoices, Invoices.load),
    Page("/invoices/[invoice_id]", titled(OneInvoice.whole.it.number, "Invoice"), invoice, OneInvoice.load),
]
