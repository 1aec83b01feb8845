"""The web app: its pages within their frame, the plain routes beside them, and the follower of what changes."""

from __future__ import annotations

import reflex as rx
import structlog
from reflex.event import EventSpec

from webui import live
from webui.pages import every_page
from webui.routes import make_routes
from webui.states.auditing import Auditing
from webui.states.base import Book
from webui.template import framed, head

log = structlog.get_logger("bluebook.web")


def _failed(exception: Exception) -> EventSpec | None:  # Reflex reads this annotation
    """What no handler expected is in the log, and the page says that something went wrong."""
    log.error("an event failed", exc_info=exception)
    return None


app = rx.App(
    app_wraps={},
    toaster=None,
    html_lang="en",
    head_components=head(),
    reset_style=False,
    api_transformer=make_routes(),
    backend_exception_handler=_failed,
)
for page in every_page():
    own = page.load if isinstance(page.load, (list, tuple)) else [page.load]
    load = [Book.enter, Auditing.look, *own]
    app.add_page(framed(page.content), route=page.route, title=page.title, on_load=load)
live.look_at(lambda: app.event_namespace.token_to_sid if app.event_namespace is not None else ())
app.register_lifespan_task(live.following)
