"""Small pieces that many pages use: links, buttons that act, badges, times, empty and waiting states."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex_base.vars.base import Var
from reflex_components_core.core.banner import has_connection_errors
from reflex_components_core.el.elements.base import BaseHTML
from reflex_components_core.el.elements.inline import A
from reflex_components_core.react_router.dom import ReactRouterLink

from engine.domain.roles import Permission
from webui.states.base import Book


class PlainForm(BaseHTML):  # type: ignore[misc]
    """A form that the browser sends itself, as a whole page: what sets or ends a session, or a file.

    (``rx.el.form`` sends events.)
    """

    tag = "form"
    action: Var[str]
    method: Var[str]
    enc_type: Var[str]


def link(*children: Any, href: Any = "", to: Any = "", **props: Any) -> rx.Component:
    """A real link that changes pages without loading the app anew."""
    return ReactRouterLink.create(*children, to=to if isinstance(to, Var) or to else href, **props)


def anchor(*children: Any, **props: Any) -> rx.Component:
    """A link that the browser follows itself: to a download, another site or a place on the page. (``rx.el.a`` is Reflex's.)"""
    return A.create(*children, **props)


def outside(*children: Any, href: Any, **props: Any) -> rx.Component:
    """A link to another site, in a tab of its own; that site learns nothing of where it was clicked."""
    return anchor(*children, href=href, target="_blank", rel="noopener noreferrer", **props)


def may(permission: Permission) -> Any:
    """Whether the person's role allows it, as the page knows."""
    return Book.may[permission.value]


def cut_off() -> Any:
    """Is the server or the database out of reach?"""
    return has_connection_errors | (Book.lost != "")


def button(
    *children: Any, tone: str = "", permission: Permission | None = None, disabled: Any = False, **props: Any
) -> Any:
    """A button; with a permission it is there only for those who may, and out of use while the server is out of reach."""
    made = rx.el.button(
        *children, type=props.pop("type", "button"), class_name=f"button {tone}".strip(),
        disabled=(cut_off() | disabled) if permission is not None else disabled, **props,
    )  # fmt: skip
    return made if permission is None else rx.cond(may(permission), made)


def badge(text: Any, tone: Any, *, wraps: bool = False, **props: Any) -> rx.Component:
    """A word for a state; its colour only repeats it. ``wraps``: it may take several lines."""
    name = "badge wraps" if wraps else "badge"
    return rx.el.span(text, class_name=name, custom_attrs={"data-tone": tone}, **props)


def time(said: Any, iso: Any, **props: Any) -> rx.Component:
    """A moment, as people read it and as machines do."""
    return rx.el.time(said, date_time=iso, title=iso, **props)


def book_icon() -> rx.Component:
    """The blue book."""
    return rx.el.span(class_name="book-icon", aria_hidden="true")


def page_head(title: Any, *actions: Any, about: Any = "") -> rx.Component:
    """A page's title, what it is about, and what can be done here."""
    return rx.el.header(
        rx.el.div(rx.el.h1(title), rx.cond(about != "", rx.el.p(about, class_name="hint")), class_name="grow"),
        rx.el.div(*actions, class_name="actions") if actions else rx.fragment(),
        class_name="page-head",
    )


def titled(name: Any, before: str, about: str = "") -> Any:
    """What a tab is called that shows one of many: by its ``name``, and ``before`` that is known by what it is."""
    return rx.cond(name != "", f"{about or before + ' '}{name} · Bluebook", f"{before} · Bluebook")


def empty(title: Any, *more: Any) -> rx.Component:
    """What stands where nothing is, and what to do about it."""
    return rx.el.div(rx.el.p(rx.el.strong(title)), *more, class_name="empty")


def waiting(rows: int = 6) -> rx.Component:
    """What stands where something is being read."""
    return rx.el.div(
        *[rx.el.div(class_name="bone") for _ in range(rows)], class_name="skeleton", role="status", aria_label="Loading"
    )


def failed(message: Any, again: Any) -> rx.Component:
    """What could not be read, why, and another try."""
    return rx.el.div(rx.el.p(message), button("Try again", on_click=again), class_name="empty bad", role="alert")


def misread(message: Any, mended: Any, everything: str, path: str) -> rx.Component:
    """What stands instead of a list whose address cannot be read: why, the address without it, and ``everything`` there is."""
    ways = (
        link("Leave that out", to=mended, class_name="button"), " ", link(everything, to=path, class_name="button")
    )  # fmt: skip
    return rx.el.div(rx.el.p(message), rx.el.p(*ways), class_name="empty bad", role="alert")


def field(label: Any, control: rx.Component, hint: Any = "") -> rx.Component:
    """A control with its label around it, and a hint below."""
    below = rx.el.span(hint, class_name="hint") if hint != "" else rx.fragment()
    return rx.el.label(rx.el.span(label, class_name="label"), control, below, class_name="field")


def definition(term: Any, *said: Any) -> rx.Component:
    """A row of a list of terms and what they are."""
    return rx.el.div(rx.el.dt(term), rx.el.dd(*said), class_name="pair")
