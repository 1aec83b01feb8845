"""Mappings as CSV, out and in: plain routes, since files go up and down by whole pages."""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine import clock
from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid
from engine.services import mapping_sheets, sheet_in
from engine.services.sessions import Person
from webui import downloads, words
from webui.plain_pages import page

LARGEST = 10 * 1024 * 1024


async def mappings_csv(request: Request, person: Person) -> Response:
    """What is missing and every mapping, as the import reads it."""
    name = f"mappings-{clock.now().astimezone(words.zone(person.timezone)):%Y-%m-%d-%H%M}.csv"
    return StreamingResponse(
        mapping_sheets.stream(), media_type="text/csv; charset=utf-8", headers=downloads.attached(name)
    )


async def take_mappings(request: Request, person: Person) -> Response:
    """Every mapping of the file is set; a page says how many, how many orders became ready, and which rows are wrong."""
    try:
        async with request.form(max_files=1, max_fields=5, max_part_size=4096) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise Invalid("choose a file first", "file")
            if (file.size or 0) > LARGEST:
                raise Invalid(f"{file.filename} is larger than 10 MB", "file")
            name, data = file.filename[:200], await file.read()
        rows = sheet_in.rows(sheet_in.decoded(data, name), name, mapping_sheets.NEEDED, mapping_sheets.KNOWN)
        taken = await mapping_sheets.take(rows, person.actor("web:mappings"))
    except BluebookError as error:
        return page("imported", 400, error=error.message)
    freed = f"{words.many(taken.freed, 'waiting order')} became ready"
    left = f"; {words.many(taken.left, 'row')} still empty" if taken.left else ""
    return page("imported", done=f"{words.many(taken.done, 'mapping')} set; {freed}{left}.", wrong=taken.wrong)


ROUTES = [
    downloads.route("/export/mappings.csv", Permission.VIEW, mappings_csv),
    downloads.route("/import/mappings", Permission.MAPPINGS, take_mappings, ("POST",)),
]
