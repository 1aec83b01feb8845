"""Mappings and offers as CSV, out and in: plain routes, since files go up and down by whole pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine import clock
from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid
from engine.services import mapping_sheets, offer_sheets, sheet_in
from engine.services.sessions import Person
from engine.services.sheet_in import Rows
from webui import downloads, words
from webui.plain_pages import page
from webui.states.suppliers import supplier_href, supplier_of

LARGEST = 10 * 1024 * 1024


async def mappings_csv(request: Request, person: Person) -> Response:
    """What is missing and every mapping, as the import reads it."""
    name = f"mappings-{clock.now().astimezone(words.zone(person.timezone)):%Y-%m-%d-%H%M}.csv"
    return StreamingResponse(
        mapping_sheets.stream(), media_type="text/csv; charset=utf-8", headers=downloads.attached(name)
    )


async def take_mappings(request: Request, person: Person) -> Response:
    """Every mapping of the file is set; a page says how many, how many orders became ready, and which rows are wrong."""
    back: dict[str, Any] = {"what": "Mappings", "back": "/mappings", "back_to": "the mappings"}
    try:
        rows, _ = await _uploaded(request, mapping_sheets.NEEDED, mapping_sheets.KNOWN)
        taken = await mapping_sheets.take(rows, person.actor("web:mappings"))
    except BluebookError as error:
        return page("imported", 400, error=error.message, **back)
    freed = f"{words.many(taken.freed, 'waiting order')} became ready"
    left = f"; {words.many(taken.left, 'row')} still empty" if taken.left else ""
    return page("imported", done=f"{words.many(taken.done, 'mapping')} set; {freed}{left}.", wrong=taken.wrong, **back)


async def take_offers(request: Request, person: Person) -> Response:
    """Every offer of the file is there, or would be; a page says how many, how many orders became ready, and which rows are
    wrong."""
    back: dict[str, Any] = {"what": "Offers", "back": "/suppliers", "back_to": "the suppliers"}
    try:
        rows, given = await _uploaded(request, offer_sheets.NEEDED, offer_sheets.KNOWN)
        view = await supplier_of(given.get("supplier", ""))
        back |= {"back": supplier_href(view.code, "products"), "back_to": f"what {view.code} offers"}
        trial = "dry_run" in given
        found = await offer_sheets.take(rows, person.actor("web:offers"), of=view, dry_run=trial)
    except BluebookError as error:
        return page("imported", 400, error=error.message, **back)
    verb = "would be added: nothing is yet" if trial else "added"
    freed = f"; {found.orders.said}" if found.orders.said else ""
    done = f"{words.many(found.products, 'product')} and {words.many(found.offers, 'offer')} {verb}{freed}."
    return page("imported", done=done, wrong=found.wrong, trial=trial, **back)


async def _uploaded(request: Request, needed: Sequence[str], known: Sequence[str]) -> tuple[Rows, dict[str, str]]:
    """The rows of the file that came, and the fields beside it; raises Invalid."""
    async with request.form(max_files=1, max_fields=5, max_part_size=4096) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid("choose a file first", "file")
        if (file.size or 0) > LARGEST:
            raise Invalid(f"{file.filename} is larger than 10 MB", "file")
        name, data = file.filename[:200], await file.read()
        given = {field: value for field, value in form.items() if isinstance(value, str)}
    return sheet_in.rows(sheet_in.decoded(data, name), name, needed, known), given


ROUTES = [
    downloads.route("/export/mappings.csv", Permission.VIEW, mappings_csv),
    downloads.route("/import/mappings", Permission.MAPPINGS, take_mappings, ("POST",)),
    downloads.route("/import/offers", Permission.PRODUCTS, take_offers, ("POST",)),
]
