"""The question to a channel's owner: where it is answered, and where to paste what the browser came back with."""

from __future__ import annotations

from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from webui.components.parts import anchor, outside
from webui.components.settings import form, text_field
from webui.states.owner import OwnerQuestion


def owner_question(question: rx.Var[OwnerQuestion], name: Any, on_paste: Any, problem: Any) -> rx.Component:
    """What the owner has to do, step by step."""
    opened: dict[str, Any] = {"href": question.url, "class_name": "button primary"}
    back = rx.cond(
        question.returns,
        rx.el.p(
            "Register this redirect address with your app there, if it is not yet: ", rx.el.code(question.redirect_uri)
        ),
        rx.el.p("The browser is sent on to the address that is registered with your app there."),
    )
    return rx.el.section(
        rx.el.h2("Ask its owner"),
        back,
        rx.el.p(
            rx.cond(question.returns, anchor("Open ", name, **opened), outside("Open ", name, **opened)), class_name="row"
        ),
        rx.el.p(
            rx.cond(
                question.returns,
                "Say yes there, and you come back here by yourself. If the browser ends elsewhere, even at an error, paste that "
                "page's address within half an hour:",
                "Say yes there, and within half an hour paste the address of the page that the browser ends at, even if it "
                "shows an error:",
            ),
            class_name="hint",
        ),
        form(
            text_field("Address", "address", "", "All of it, with what is behind the question mark.", required=True),
            permission=Permission.CHANNELS, submit="Let Bluebook in", on_submit=on_paste, key=question.url, problem=problem,
            label="The owner's answer",
        ),
        class_name="card",
    )  # fmt: skip
