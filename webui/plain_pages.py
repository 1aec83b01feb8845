"""Whole pages beside the app, made of templates: for what no event can do, such as logging in or taking a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import HTMLResponse, Response

from engine.errors import BluebookError, TryLater
from webui import words

_FOLDER = Path(__file__).parent / "templates"
_pages = jinja2.Environment(loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True)


def page(template: str, status: int = 200, /, **values: Any) -> Response:
    """A page made of a template."""
    return HTMLResponse(_pages.get_template(f"{template}.html").render(**values), status)


def refused(template: str, error: BluebookError, status: int, /, **values: Any) -> Response:
    """The page again with what is wrong, and when to try again where that is known."""
    answer = page(template, status, error=words.sentence(error.message), **values)
    if isinstance(error, TryLater):
        answer.status_code = 429
        answer.headers["retry-after"] = str(int(error.retry_after or 60))
    return answer
