"""The dashboard: four tiles, where orders wait, why they need a person, how errors and work go, and suppliers."""

from __future__ import annotations

from typing import Any

import reflex as rx

from webui.chart_views import AGE_NAMES, FILLS, SupplierFigure
from webui.components import charts, figures
from webui.components.charts import SVG
from webui.components.parts import failed, field, link, page_head, waiting
from webui.pages import Page
from webui.states.dashboard import PERIODS, Dashboard, Step, Tile, TileLine
from webui.states.figures import DAYS
from webui.states.orders import Choice


def _choices() -> rx.Component:
    return rx.el.div(
        field(
            "Period",
            rx.el.select(
                *[rx.el.option(title, value=value) for value, title in PERIODS.items()],
                value=Dashboard.period, on_change=Dashboard.choose_period, id="period",
            ),
        ),
        field(
            "Channel",
            rx.el.select(
                rx.el.option("All channels", value=""),
                rx.foreach(Dashboard.channels, lambda c: _option(c)),
                value=Dashboard.channel, on_change=Dashboard.choose_channel, id="channel",
            ),
        ),
        class_name="row",
    )  # fmt: skip


def _option(choice: rx.Var[Choice]) -> rx.Component:
    return rx.el.option(choice.title, value=choice.value)


def _tile_line(line: rx.Var[TileLine]) -> rx.Component:
    shown = {"custom_attrs": {"data-count": line.count.to_string(), "data-tone": line.tone}}
    return rx.el.li(
        rx.cond(
            line.href != "",
            link(line.text, charts.said(" late"), to=line.href, **shown),
            rx.el.span(line.text, **shown),
        ),
        key=line.id,
    )


def _tile(tile: rx.Var[Tile]) -> rx.Component:
    return rx.el.li(
        link(
            rx.el.span(tile.title, class_name="tile-title"),
            " ",
            rx.el.strong(tile.number),
            charts.said(rx.fragment(" ", tile.said)),
            to=tile.href,
            class_name="tile-link",
            custom_attrs={"data-count": tile.count.to_string()},
        ),
        rx.el.ul(rx.foreach(tile.lines, _tile_line), class_name="tile-lines"),
        class_name="card tile",
        custom_attrs={"data-tile": tile.id, "data-tone": tile.tone},
        key=tile.id,
    )


def _ages() -> rx.Component:
    """What the patterns of ages are."""
    return rx.el.span(
        *[
            rx.el.span(
                SVG(
                    SVG.rect(width="100%", height="100%", fill=fill, class_name="piece"), width="24", height="12",
                    aria_hidden="true",
                ),
                name,
                class_name="swatch",
            )
            for name, fill in zip(AGE_NAMES, FILLS, strict=True)
        ],
        class_name="legend",
    )  # fmt: skip


def _ways() -> rx.Component:
    return rx.fragment("Upwards, solid: Auto Order Processing. Downwards, hatched: people.")


def _lead(row: rx.Var[SupplierFigure]) -> rx.Component:
    return figures.lead_times(row, key=row.id)


def _suppliers() -> rx.Component:
    return rx.cond(
        Dashboard.suppliers.length() > 0,
        rx.el.section(
            rx.el.h2("Suppliers", id="suppliers"),
            rx.el.p(
                f"Orders of the last {DAYS} days, of all channels. Times are of the latest some hundred of each supplier.",
                class_name="hint",
            ),
            rx.el.div(figures.suppliers_table(Dashboard.suppliers), class_name="scroll"),
            rx.el.div(rx.foreach(Dashboard.suppliers, _lead), class_name="columns"),
            aria_labelledby="suppliers",
            class_name="stack",
        ),
    )


def _step(step: rx.Var[Step]) -> rx.Component:
    return rx.el.li(
        rx.el.h2(step.title, rx.cond(step.done, rx.el.span(" ✓", charts.said("done")))),
        rx.el.p(step.text),
        rx.el.p(link(rx.fragment("Go to ", step.label), to=step.href, class_name="button")),
        class_name="card",
        key=step.id,
    )


def _first_run() -> rx.Component:
    return rx.el.section(
        rx.el.p("No channel is connected yet, so there are no figures. Four steps, and orders come:"),
        rx.el.ol(rx.foreach(Dashboard.steps, _step), class_name="columns steps"),
        class_name="stack",
    )


def _figures() -> rx.Component:
    return rx.fragment(
        charts.fills(),
        rx.el.ul(rx.foreach(Dashboard.tiles, _tile), class_name="tiles", aria_label="Now"),
        rx.el.div(
            charts.bars(Dashboard.where, _ages(), id="where"),
            charts.bars(Dashboard.reasons, id="reasons"),
            charts.columns(Dashboard.days, id="days"),
            charts.columns(Dashboard.hours, _ways(), id="hours"),
            class_name="columns charts",
        ),
        _suppliers(),
    )


def _body() -> Any:
    return rx.cond(Dashboard.steps.length() > 0, _first_run(), _figures())


def dashboard() -> rx.Component:
    """The figures, or what to do where there are none yet."""
    return rx.fragment(
        page_head("Dashboard", rx.cond(Dashboard.steps.length() == 0, _choices())),
        rx.cond(
            Dashboard.ready,
            rx.cond(
                Dashboard.error != "",
                rx.fragment(
                    failed(Dashboard.error, Dashboard.load), rx.el.p(link("Today, all channels", to="/"))
                ),
                _body(),
            ),
            waiting(),
        ),
    )  # fmt: skip


PAGES = [Page("/", "Dashboard · Bluebook", dashboard, Dashboard.load)]
