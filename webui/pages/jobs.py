"""Jobs: tabs by state with what can be done about each, the workers, and the inbox of payloads nobody could read."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.dialogs import dialog
from webui.components.parts import badge, button, empty, field, link, page_head, time, waiting
from webui.components.settings import cell, table
from webui.pages import Page
from webui.states.jobs import JobRow, Jobs, PayloadRow, TabLink, WorkerRow

JOBS, INBOX = Permission.JOBS, Permission.INBOX
FIRST = {"data-autofocus": "1"}


def _tab(tab: rx.Var[TabLink]) -> rx.Component:
    return rx.el.li(
        link(
            tab.title, rx.cond(tab.count != "", rx.el.span(tab.count, class_name="count")), to=tab.href,
            aria_current=rx.cond(Jobs.tab == tab.id, "page", "false"),
        ),
        key=tab.id,
    )  # fmt: skip


def _job(row: rx.Var[JobRow]) -> rx.Component:
    name = rx.el.span(" job ", row.id.to_string(), class_name="sr-only")
    return rx.el.tr(
        cell("Job", row.id),
        cell("What", row.what),
        cell("About", rx.cond(row.about_href != "", link(row.about, to=row.about_href), rx.el.span(row.about))),
        cell("Tries", row.tries, class_name="number"),
        cell("When", time(row.due, row.due_iso)),
        cell("Last error", row.error),
        cell(
            "Actions",
            rx.cond(
                row.again,
                rx.el.div(
                    button("Retry", name, permission=JOBS, on_click=Jobs.retry(row.id)),
                    button("Drop", name, permission=JOBS, tone="danger", on_click=Jobs.ask_drop(row.id)),
                    class_name="row",
                ),
            ),
        ),
        role="row", key=row.id.to_string(),
    )  # fmt: skip


def _jobs() -> rx.Component:
    def columns(when: str) -> tuple[str, ...]:
        return ("Job", "What", "About", "Tries", when, "Last error", "Actions")

    when = {"attention": "Given up", "waiting": "Next try", "running": "Until", "done": "Done"}
    rows = rx.match(
        Jobs.tab, *[(tab, table("Jobs", columns(title), rx.foreach(Jobs.rows, _job))) for tab, title in when.items()],
        rx.fragment(),
    )  # fmt: skip
    none = rx.match(
        Jobs.tab, ("waiting", "No job waits."), ("running", "No job is under way."), ("done", "No job was done lately."),
        "No job was given up.",
    )  # fmt: skip
    return rx.cond(Jobs.rows.length() > 0, rows, empty(none))


def _payload(row: rx.Var[PayloadRow]) -> rx.Component:
    name = rx.el.span(" payload ", row.id.to_string(), class_name="sr-only")
    return rx.el.tr(
        cell("Payload", link(row.id.to_string(), to=row.href, id=f"payload-{row.id}")),
        cell("From", row.source),
        cell("Their id", row.theirs),
        cell("Came", time(row.came, row.came_iso)),
        cell("Why it is parked", row.reason),
        cell("Field", rx.cond(row.place != "", rx.el.code(row.place), rx.fragment())),
        cell(
            "Actions",
            rx.el.div(
                button("Replay", name, permission=INBOX, on_click=Jobs.replay(row.id)),
                button("Ignore", name, permission=INBOX, on_click=Jobs.ask_ignore(row.id)),
                class_name="row",
            ),
        ),
        role="row", key=row.id.to_string(),
    )  # fmt: skip


def _inbox() -> rx.Component:
    columns = ("Payload", "From", "Their id", "Came", "Why it is parked", "Field", "Actions")
    return rx.cond(
        Jobs.parked.length() > 0,
        table("Inbox", columns, rx.foreach(Jobs.parked, _payload)),
        empty("Nothing is parked.", rx.el.p("Every payload could be read.")),
    )


def _worker(row: rx.Var[WorkerRow]) -> rx.Component:
    return rx.el.tr(
        cell("Worker", row.id),
        cell("State", rx.cond(row.alive, badge("alive", "good"), badge("not seen: it has stopped", "bad"))),
        cell("Seen", time(row.seen, row.seen_iso)),
        cell("Jobs done", row.done, class_name="number"),
        cell("Runs since", row.since),
        role="row", key=row.id,
    )  # fmt: skip


def _workers() -> rx.Component:
    return rx.fragment(
        rx.el.h2("Workers"),
        rx.cond(
            Jobs.workers.length() > 0,
            table("Workers", ("Worker", "State", "Seen", "Jobs done", "Runs since"), rx.foreach(Jobs.workers, _worker)),
            empty(
                "No worker is running: nothing is pulled or sent.",
                rx.el.p(
                    Jobs.last_seen,
                    " ",
                    rx.el.code("bluebook worker"),
                    " runs one; what is due waits until then.",
                ),
            ),
        ),
    )


def _dialogs() -> rx.Component:
    return rx.fragment(
        dialog(
            f"Payload {Jobs.payload.id}",
            rx.el.p(Jobs.payload.about, class_name="hint"),
            rx.cond(Jobs.payload.masked, rx.el.p("What is secret in it is masked.", class_name="hint")),
            rx.cond(Jobs.payload.cut, rx.el.p("Only its beginning is shown.", class_name="hint")),
            rx.el.pre(Jobs.payload.text, tab_index=0, role="region", aria_label="The payload"),
            open=Jobs.payload.id != 0, close=Jobs.close_payload, drawer=True,
        ),
        dialog(
            f"Drop job {Jobs.dropping}?",
            rx.el.p(Jobs.consequence),
            rx.el.div(
                button("Drop", permission=JOBS, tone="danger", on_click=Jobs.drop),
                button("Keep", on_click=Jobs.ask_drop(0)),
                class_name="row",
            ),
            open=Jobs.dropping != 0, close=Jobs.ask_drop(0),
        ),
        dialog(
            f"Ignore payload {Jobs.ignoring}",
            rx.el.form(
                field("Why", rx.el.input(name="reason", max_length=500, auto_complete="off", custom_attrs=FIRST),
                      "It needs nothing more; it stays in the database with this reason."),
                rx.cond(Jobs.problem != "", rx.el.p(Jobs.problem, role="alert", class_name="issue bad")),
                rx.el.div(button("Ignore", permission=INBOX, type="submit", tone="primary"), class_name="row"),
                on_submit=Jobs.ignore, reset_on_submit=False, class_name="stack", aria_label="Ignore a payload",
            ),
            open=Jobs.ignoring != 0, close=Jobs.ask_ignore(0),
        ),
    )  # fmt: skip


def jobs() -> rx.Component:
    """What the workers have to do, and what nobody could read."""
    return rx.fragment(
        page_head("Jobs", about="What workers do in the background, and payloads that nobody could read."),
        rx.el.nav(rx.el.ul(rx.foreach(Jobs.tabs, _tab), class_name="tabs"), aria_label="States"),
        rx.cond(
            Jobs.ready,
            rx.fragment(
                rx.cond(Jobs.tab == "inbox", _inbox(), _jobs()),
                rx.cond(
                    Jobs.next != "", rx.el.nav(link("Next ›", to=Jobs.next, class_name="button"), aria_label="Pages")
                ),
                _workers(),
                _dialogs(),
            ),
            waiting(),
        ),
    )


PAGES = [Page("/jobs", "Jobs · Bluebook", jobs, Jobs.load)]
