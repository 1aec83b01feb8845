"""Channels: the list with how each works, and the settings of one."""

from __future__ import annotations

import reflex as rx

from engine.domain.roles import Permission
from webui.components.owner import owner_question
from webui.components.parts import (
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
    tried,
)
from webui.pages import Page
from webui.states.channel_settings import PULLING, ChannelSettings
from webui.states.channels import ChannelRow, Channels

MAY = Permission.CHANNELS


def _row(row: rx.Var[ChannelRow]) -> rx.Component:
    it = row.it
    return rx.el.tr(
        cell("Channel", link(it.name, to=it.href), rx.el.div(it.connector, class_name="hint")),
        *standing_cells(it, "Last pull"),
        cell("Ready", link(row.ready, to=row.ready_href), class_name="number"),
        cell("Need a person", link(row.needs, to=row.needs_href), class_name="number"),
        cell("Open", row.going, class_name="number"),
        cell("Auto", row.auto),
        row_acts(
            it, MAY, Channels.resume(it.id),
            button(
                rx.cond(Channels.pulling.contains(it.id), "Pulling …", "Sync now"),
                rx.el.span(" ", it.name, class_name="sr-only"), permission=MAY,
                disabled=Channels.pulling.contains(it.id), on_click=Channels.sync(it.id),
            ),
        ),
        role="row", key=it.id.to_string(),
    )  # fmt: skip


COLUMNS = ("Channel", "State", "Last pull", "Ready", "Need a person", "Open", "Auto", "Actions")


def channels() -> rx.Component:
    """Every channel, or what to do where there is none."""
    add = rx.cond(may(MAY), link("Add a channel", to="/channels/new", class_name="button primary"))
    rows = table("Channels", COLUMNS, rx.foreach(Channels.rows, _row))
    none = empty(
        "There is no channel yet.",
        rx.el.p("A channel is a store or marketplace that orders come from and tracking goes back to."),
    )
    return rx.fragment(
        page_head("Channels", add, about="Where orders come from, and where tracking goes back to."),
        rx.cond(Channels.ready, rx.cond(Channels.rows.length() > 0, rows, none), waiting(4)),
    )


# --- the settings of one ------------------------------------------------------------------------------------------------


def _general() -> rx.Component:
    of = ChannelSettings
    return rx.el.div(
        standing_card(
            of, "Last pull",
            definition("Connector", outside(of.connector_name, href=of.docs)),
            definition("Auto Order Processing", of.row.auto),
            permission=MAY, noun="channel",
            pauses="For a while: nothing is pulled or told there until somebody resumes it; then all of it is caught up with.",
            disables="Disabled: nothing is pulled or told there, nor taken in from files.",
        ),
        name_card(of, MAY),
        removal_card(of, permission=MAY, noun="channel"),
        class_name="columns",
    )  # fmt: skip


def _auto() -> rx.Component:
    of = ChannelSettings
    ready = of.row.ready
    return rx.el.section(
        rx.el.h2("Auto Order Processing"),
        rx.el.p(
            "Orders that are ready are sent to their suppliers without a person and without the undo window. "
            "Those that need a person still stop in Resolve.", class_name="hint",
        ),
        form(
            flag("Auto Order Processing", "auto", of.auto, role="switch"),
            rx.cond(
                ~of.auto & (ready > 0),
                rx.el.p(
                    ready, rx.cond(ready == 1, " order is", " orders are"),
                    " ready now: what may go of them is sent as soon as this is switched on.", class_name="hint",
                ),
            ),
            rx.el.div(
                text_field("Value limit", "limit", of.values["limit"], "A person processes what is above; empty for none.",
                           input_mode="decimal", on_blur=of.typed("limit"), key=of.values["limit"]),
                text_field("Currency", "currency", of.values["currency"], max_length=3, on_blur=of.typed("currency"),
                           key=of.values["currency"]),
                class_name="fields",
            ),
            field(
                "Condition",
                rx.el.textarea(
                    name="condition", rows=2, default_value=of.values["condition"], spell_check=False, max_length=2000,
                    key=of.values["condition"], class_name="mono", on_blur=of.typed("condition"),
                    placeholder='order.country == "US"',
                ),
                "Only orders for which this holds (CEL); empty for all. Amounts are in cents here: order.total < 50000 is below "
                "500.00.",
            ),
            permission=MAY, submit="Update", on_submit=of.update_auto, **own(of, "auto"),
            label="Auto Order Processing", more=button("Try it on the ready orders", on_click=of.try_auto),
        ),
        tried(of.trial, of.trial_tone),
        class_name="card",
    )  # fmt: skip


def _pulling() -> rx.Component:
    of = ChannelSettings
    hints = {
        "poll_seconds": "0: only when asked",
        "overlap_seconds": "so that what changes during a pull is not missed",
    }
    numbers = [
        text_field(label, name, of.values[name], hints.get(name, ""), input_mode="numeric", required=True)
        for name, label in PULLING.items()
    ]
    return rx.el.section(
        rx.el.h2("Pulling and checking"),
        form(
            rx.el.div(
                *numbers,
                text_field("Least margin, percent", "margin_floor", of.values["margin_floor"],
                           "A person looks at orders below; empty for none.", input_mode="numeric"),
                text_field("Prefix of order numbers", "prefix", of.values["prefix"], max_length=16),
                class_name="fields",
            ),
            permission=MAY, submit="Save", on_submit=of.save_pulling, **own(of, "pulling"),
            label="Pulling and checking",
        ),
        class_name="card",
    )  # fmt: skip


def _alerts() -> rx.Component:
    of = ChannelSettings
    return rx.el.section(
        rx.el.h2("Alerts"),
        form(
            field(
                "Addresses", rx.el.textarea(name="alerts", rows=4, default_value=of.values["alerts"], spell_check=False),
                "One on each line. They get an e-mail when orders of this channel need a person.",
            ),
            permission=MAY, submit="Save", on_submit=of.save_alerts, **own(of, "alerts"),
            label="Alerts",
        ),
        class_name="card",
    )  # fmt: skip


def channel() -> rx.Component:
    """The settings of a channel, a section at a time."""
    of = ChannelSettings
    asked = owner_question(of.question, of.connector_name, of.take_answer, of.problem)
    anew = rx.cond(of.asks_owner, button("Ask its owner anew", permission=MAY, on_click=of.ask_owner))
    credentials = rx.cond(of.question.url != "", asked, credentials_card(of, MAY, anew))
    return settings_page(
        of, "channel",
        rx.match(
            of.part, ("orders", rx.fragment(_auto(), _pulling())), ("alerts", _alerts()), ("credentials", credentials),
            _general(),
        ),
    )  # fmt: skip


PAGES = [
    Page("/channels", "Channels · Bluebook", channels, Channels.load),
    Page(
        "/channels/[channel_id]",
        titled(ChannelSettings.row.it.name, "Settings for a channel", "Settings for "),
        channel,
        ChannelSettings.load,
    ),
]
