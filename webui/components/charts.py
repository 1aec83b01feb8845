"""Charts of HTML and SVG bars: numbers are text, every bar is a link, a caption says what it is and a table says it again.

Series differ by pattern and place, not by colour alone; fills are drawn by SVG, so they print.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from webui.chart_views import BarRow, Column, Line, Part, TableRow
from webui.components.parts import link

SVG = rx.el.svg


def fills() -> rx.Component:
    """The patterns that bars are filled with; once on each page that has charts."""

    def pattern(name: str, size: int, *marks: rx.Component) -> rx.Component:
        back = SVG.rect(width=str(size), height=str(size), class_name="fill-back")
        return SVG.pattern(
            back, *marks, id=f"fill-{name}", width=str(size), height=str(size), pattern_units="userSpaceOnUse"
        )

    return SVG(
        SVG.defs(
            pattern("light", 8),
            pattern("dots", 6, SVG.circle(cx="3", cy="3", r="1.3", class_name="fill-ink")),
            pattern("hatch", 6, SVG.path(d="M-1 1l2 -2M0 6l6 -6M5 7l2 -2", class_name="fill-stroke")),
            pattern("solid", 8, SVG.rect(width="8", height="8", class_name="fill-ink")),
        ),
        width="0", height="0", class_name="fills", aria_hidden="true", focusable="false",
    )  # fmt: skip


def _linked(part: Any, *children: Any, class_name: str) -> rx.Component:
    """A link to the part's orders; plain where there are none."""
    shown = {"class_name": class_name, "custom_attrs": {"data-count": part.count.to_string()}}
    return rx.cond(part.href != "", link(*children, to=part.href, **shown), rx.el.span(*children, **shown))


def said(text: Any) -> rx.Component:
    """Text for those who listen."""
    return rx.el.span(text, class_name="sr-only")


def _piece(part: rx.Var[Part]) -> rx.Component:
    return SVG.rect(x=part.start, width=part.size, height="100%", fill=part.fill, class_name="piece", key=part.id)


def _some(part: rx.Var[Part]) -> rx.Component:
    return rx.el.li(
        _linked(part, said(part.said), part.title, " ", rx.el.b(part.number), class_name="some"), key=part.id
    )


def _bar(row: rx.Var[BarRow]) -> rx.Component:
    return rx.el.li(
        _linked(
            row.whole,
            rx.el.span(row.whole.title, class_name="bar-title"),
            SVG(rx.foreach(row.parts, _piece), class_name="bar", width="100%", height="16", aria_hidden="true"),
            rx.el.span(row.whole.number, said(row.whole.said), class_name="bar-number"),
            class_name="bar-row",
        ),
        rx.cond(row.some.length() > 0, rx.el.ul(rx.foreach(row.some, _some), class_name="somes")),
        key=row.id,
    )  # fmt: skip


def _upright(part: Any, down: bool = False) -> rx.Component:
    bar = SVG(
        SVG.rect(y=part.start if not down else "0%", width="100%", height=part.size, fill=part.fill, class_name="piece"),
        class_name="upright", width="100%", aria_hidden="true",
    )  # fmt: skip
    text = rx.el.span(part.number, said(rx.fragment(" ", part.said)), class_name="n")
    return _linked(part, *((bar, text) if down else (text, bar)), class_name="column down" if down else "column")


def _column(column: rx.Var[Column]) -> rx.Component:
    return rx.el.li(
        _upright(column.up),
        rx.el.span(column.title, class_name="column-title", aria_hidden="true"),
        rx.cond(column.down.id != "", _upright(column.down, down=True)),
        key=column.id,
    )


def _mark(line: rx.Var[Line]) -> rx.Component:
    return SVG.line(x1=line.at, x2=line.at, y1="0", y2="100%", class_name=f"mark mark-{line.id}", key=line.id)


def _legend(line: rx.Var[Line]) -> rx.Component:
    return rx.el.li(
        SVG(
            SVG.line(x1="0", x2="24", y1="6", y2="6", class_name=f"mark mark-{line.id}"),
            width="24", height="12", aria_hidden="true",
        ),
        line.title,
        key=line.id,
    )  # fmt: skip


def _row(row: rx.Var[TableRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.head, scope="row"),
        rx.foreach(row.cells, lambda cell, n: rx.el.td(cell, class_name="number", key=n.to_string())),
        key=row.head,
    )


def as_table(chart: Any) -> rx.Component:
    """The same numbers as a table, folded up."""
    return rx.el.details(
        rx.el.summary("Show as table", said(rx.fragment(": ", chart.title))),
        rx.el.div(
            rx.el.table(
                rx.el.caption(chart.title, class_name="sr-only"),
                rx.el.thead(
                    rx.el.tr(
                        rx.foreach(chart.heads, lambda head, n: rx.el.th(head, scope="col", key=n.to_string()))
                    )
                ),
                rx.el.tbody(rx.foreach(chart.rows, _row)),
            ),
            class_name="scroll", tab_index=0, role="group", aria_label=chart.title,
        ),
        class_name="twin",
    )  # fmt: skip


def _figure(chart: Any, drawn: rx.Component, about: Any = "", **props: Any) -> rx.Component:
    return rx.el.figure(
        rx.el.figcaption(rx.el.strong(chart.title), rx.el.span(about, class_name="hint") if about else rx.fragment()),
        rx.cond(
            chart.none != "",
            rx.el.p(chart.none, class_name="hint"),
            rx.fragment(drawn, rx.cond(chart.note != "", rx.el.p(chart.note, class_name="hint"))),
        ),
        as_table(chart),
        class_name=rx.cond(chart.wide, "card chart wide", "card chart"),
        **props,
    )


def bars(chart: Any, about: Any = "", **props: Any) -> rx.Component:
    """The chart as a list of bars."""
    return _figure(chart, rx.el.ul(rx.foreach(chart.bars, _bar), class_name="bars"), about, **props)


def columns(chart: Any, about: Any = "", **props: Any) -> rx.Component:
    """The chart as columns beside each other, in further rows where they need more room, with what its lines mark."""
    drawn = rx.fragment(
        rx.el.div(
            rx.el.ol(
                rx.foreach(chart.columns, _column),
                class_name="columns-of",
                custom_attrs={"data-room": chart.room.to_string()},
            ),
            rx.cond(
                chart.marks.length() > 0,
                SVG(rx.foreach(chart.marks, _mark), class_name="marks", width="100%", aria_hidden="true"),
            ),
            class_name="plot",
        ),
        rx.cond(chart.marks.length() > 0, rx.el.ul(rx.foreach(chart.marks, _legend), class_name="legend")),
    )
    return _figure(chart, drawn, about, **props)
