"""Files to take away: lists as CSV, blue books, raw payloads, papers. Plain routes, behind the gate, which says who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from engine import clock
from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid, NotFound
from engine.services import audit, blue_book, paper, payloads, sheets
from engine.services.filters import Filters
from engine.services.sessions import Person
from webui import links, words

log = structlog.get_logger("bluebook.web")
Answer = Callable[[Request, Person], Awaitable[Response]]


def route(path: str, permission: Permission, answer: Answer, methods: tuple[str, ...] = ("GET",)) -> Route:
    """A route for those who may; errors are sentences."""

    async def served(request: Request) -> Response:
        person: Person = request.state.person
        try:
            person.demand(permission)
            return await answer(request, person)
        except NotFound as error:
            return PlainTextResponse(error.message, 404)
        except BluebookError as error:
            status = 403 if getattr(error, "code", "") == "role" else 400
            if status == 403:
                log.warning("refused a request", path=request.url.path, person=person.name, role=person.role)
            return PlainTextResponse(error.message, status)

    return Route(path, served, methods=list(methods))


def attached(name: str) -> dict[str, str]:
    """The header by which a browser saves the answer under this name."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"}


async def orders_csv(request: Request, person: Person) -> Response:
    """What the address filters, with the columns it names; times in the person's zone."""
    params = dict(request.query_params)
    if strange := Filters.strange(params, ("columns", "sort")):
        raise Invalid(links.unknown(strange, (*Filters.__struct_fields__, "columns", "sort")), strange[0])
    columns = [name for name in params.get("columns", "").split(",") if name]
    pieces = await sheets.stream(
        Filters.from_params(params), "csv", columns=columns or None, sort=params.get("sort", "-placed"), bom=True, titles=True,
        zone=words.zone(person.timezone),
    )  # fmt: skip
    name = f"orders-{clock.now().astimezone(words.zone(person.timezone)):%Y-%m-%d-%H%M}.csv"
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=attached(name))


async def trail(request: Request, _person: Person) -> Response:
    """An order's blue book, or what concerns one of its lines or purchase orders; the file's name says which."""
    kind: Any = request.path_params["kind"]
    number = request.query_params.get("order", "")
    line_id, po_number = links.audit_parts(request.query_params.get("about", ""))
    pieces = await audit.stream(number, kind, line_id=line_id, po_number=po_number)
    of = f"{number}-{(await blue_book.line_name(line_id))[0]}" if line_id is not None else po_number or number
    return StreamingResponse(pieces, media_type=audit.MEDIA[kind], headers=attached(f"audit-{of}.{kind}"))


async def payload(request: Request, _person: Person) -> Response:
    """A raw payload, its secrets masked, to be read."""
    return PlainTextResponse(await payloads.payload(request.path_params["number"]))


async def purchase_pdf(request: Request, _person: Person) -> Response:
    """A purchase order, to be printed."""
    number = request.query_params.get("po", "")
    return _pdf(await paper.purchase_order(number), f"po-{number}.pdf")


async def slip_pdf(request: Request, _person: Person) -> Response:
    """The packing slips of an order, to be printed."""
    number = request.query_params.get("order", "")
    return _pdf(await paper.packing_slip(number), f"packing-slip-{number}.pdf")


def _pdf(body: bytes, name: str) -> Response:
    return Response(body, media_type="application/pdf", headers=attached(name))


ROUTES = [
    route("/export/orders.csv", Permission.VIEW, orders_csv),
    route("/export/audit.{kind}", Permission.VIEW, trail),
    route("/export/purchase-order.pdf", Permission.VIEW, purchase_pdf),
    route("/export/packing-slip.pdf", Permission.VIEW, slip_pdf),
    route("/export/payload/{number:int}.txt", Permission.VIEW, payload),
]
