"""The Order Audit Trail: every event with its time, actor and cause, what it changed and what it came from. Read only."""

from __future__ import annotations

import reflex as rx

from webui.components.dialogs import dialog
from webui.components.parts import anchor, badge, button, link, time
from webui.states.auditing import NOTHING, SOURCES, Auditing, ChangeView, EventView


def audit_button(about: rx.Var[str] | str, wanted: rx.Var[str] | str, **props: object) -> rx.Component:
    """The blue book icon of something: opens its audit trail beside the page."""
    return rx.el.button(
        rx.el.span(class_name="book-icon", aria_hidden="true"), type="button", class_name="button icon",
        aria_label=f"Audit trail for {about}", on_click=Auditing.open(wanted), **props,
    )  # fmt: skip


def _change(change: rx.Var[ChangeView]) -> rx.Component:
    return rx.el.li(
        rx.cond(Auditing.raw, rx.el.code(change.path), rx.el.span(change.path)),
        rx.cond(~Auditing.raw & (change.before == NOTHING), ": ", rx.fragment(" ", rx.el.del_(change.before), " → ")),
        rx.el.ins(change.after),
        key=change.path,
    )


def _payload(event: rx.Var[EventView]) -> rx.Component:
    there = Auditing.payload.seq == event.seq
    return rx.el.div(
        rx.el.div(
            button(
                rx.cond(there, "Hide payload", "Raw payload"), tone="quiet", on_click=Auditing.show_payload(event.seq),
                aria_expanded=rx.cond(there, "true", "false"),
            ),
            anchor("as a file", href=event.payload, target="_blank", aria_label=f"Raw payload of event {event.seq} as a file"),
            class_name="row",
        ),
        rx.cond(
            there,
            rx.fragment(
                rx.el.p(Auditing.payload.about, " · ", Auditing.payload.note, class_name="hint"),
                rx.el.pre(Auditing.payload.body, tab_index=0, role="region", aria_label="Raw payload"),
            ),
        ),
    )  # fmt: skip


def _event(event: rx.Var[EventView]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            time(event.at, event.iso), rx.el.strong(event.actor), rx.el.span(event.source),
            rx.el.span("#", event.seq), class_name="meta",
        ),
        rx.el.div(rx.el.strong(event.what), rx.cond(event.about != "", rx.el.span(" · ", event.about, class_name="hint"))),
        rx.cond(event.message != "", rx.el.p(event.message)),
        rx.cond(event.cause != "", rx.el.p("Cause: ", event.cause, class_name="hint")),
        rx.cond(
            event.changes.length() > 0,
            rx.el.ul(rx.foreach(event.changes, _change), class_name="changes", aria_label="What changed"),
        ),
        rx.foreach(
            event.said,
            lambda said: rx.el.p(rx.cond(Auditing.raw, rx.el.code(said), rx.el.span(said)), class_name="hint", key=said),
        ),
        rx.cond(event.inbound != 0, _payload(event)),
        custom_attrs={"data-source": event.source},
        key=event.seq.to_string(),
    )  # fmt: skip


def _source(source: str, title: str) -> rx.Component:
    return rx.el.button(
        title, type="button", class_name="button", on_click=Auditing.only(source),
        aria_pressed=rx.cond(Auditing.source == source, "true", "false"),
    )  # fmt: skip


def _verdict() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Auditing.verdict != "",
            rx.el.p(badge(Auditing.verdict, rx.cond(Auditing.intact, "good", "bad")), " ", Auditing.count, role="status"),
        ),
        rx.cond(
            Auditing.intact,
            rx.fragment(),
            rx.el.div(
                rx.el.ul(
                    rx.foreach(Auditing.problems, lambda said: rx.el.li(said, key=said)),
                    aria_label="What is wrong with this trail",
                ),
                class_name="issue", role="alert",
            ),
        ),
    )  # fmt: skip


def _trail() -> rx.Component:
    return rx.fragment(
        _verdict(),
        rx.el.div(
            rx.el.div(*[_source(s, t) for s, t in SOURCES.items()], role="group", aria_label="Whose events", class_name="row"),
            rx.el.div(
                rx.el.button(
                    "Raw values", type="button", class_name="button", on_click=Auditing.toggle_raw,
                    aria_pressed=rx.cond(Auditing.raw, "true", "false"),
                ),
                anchor("Export JSON", href=Auditing.json_url, class_name="button", download=True),
                anchor("Export CSV", href=Auditing.csv_url, class_name="button", download=True),
                class_name="row",
            ),
            class_name="tools",
        ),
        rx.cond(
            Auditing.earlier > 0,
            button(f"Show {Auditing.earlier} earlier", on_click=Auditing.show_all),
        ),
        rx.cond(
            Auditing.events.length() > 0,
            rx.el.div(
                rx.el.ol(rx.foreach(Auditing.events, _event), class_name="events"), class_name="newest-seen", tab_index=0,
                role="region", aria_label="Events, newest last",
            ),
            rx.el.p("No event fits.", class_name="hint"),
        ),
    )  # fmt: skip


def audit_drawer() -> rx.Component:
    """In the frame of every page; there while the address has ``?audit=``."""
    return dialog(
        f"Audit trail of {Auditing.title}",
        rx.cond(
            Auditing.error != "",
            rx.el.p(Auditing.error, role="alert", class_name="issue"),
            rx.fragment(
                rx.el.p(
                    rx.cond(Auditing.title == Auditing.number, "Whole order · ", ""),
                    link(rx.fragment("Open order ", Auditing.number), to=Auditing.href),
                    class_name="hint",
                ),
                _trail(),
            ),
        ),
        open=Auditing.shown,
        close=Auditing.close,
        drawer=True,
        id="audit",
    )
