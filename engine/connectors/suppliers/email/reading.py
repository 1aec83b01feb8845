"""What a letter from a supplier says: the table attached to a reply, the answer of a machine, or a bounce.

Nothing is taken from free text: what a person wrote is for a person, with their words in the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from engine.connectors import workbook
from engine.connectors.supplier_rows import Reader
from engine.connectors.suppliers.email.config import Config
from engine.connectors.suppliers.email.document import Reference, po_number_in, reference
from engine.connectors.tables import Row, normal, read_csv, unguard
from engine.domain import letters
from engine.domain.letters import Attached, Fate, Letter
from engine.errors import Unreadable
from engine.ports import SAID, Raw, SupplierUpdate, UpdateKind

_SHOWN = 400
_RECEIVED = re.compile(r"received=(\d+)")
_TABLES = ("text/csv", "text/comma-separated-values", "text/tab-separated-values", "application/csv")
_BOOKS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EMPTY = re.compile(r"nothing to sign|smime|pgp-signature")
_LINK = re.compile(r"/answer/[A-Za-z0-9_-]{20,100}")
_ASKED = {"cancel": "request to cancel", "remind": "reminder"}
_NEWS = frozenset({"delayed", "relayed", "expanded"})


class LetterReader:
    """Reads this supplier's letters; raises Misconfigured for a spelling it could not use."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rows = Reader(config)

    def is_ours(self, head: bytes) -> bool:
        """Is the letter with this header this supplier's, or a report that may be about a letter to it?"""
        try:
            letter = letters.read(head)
        except Unreadable:
            return False
        if self._config.is_theirs(letter.sender) or self._named(letter) is not None:
            return True
        return b"delivery-status" in head.lower() or letter.sender.startswith(("mailer-daemon@", "postmaster@"))

    def belongs(self, body: bytes) -> bool:
        """The same of the whole letter: reports only if they are about a letter to this supplier."""
        try:
            letter = letters.read(body)
        except Unreadable:
            return True  # its header is this supplier's: a person should see it
        if self._config.is_theirs(letter.sender) or self._named(letter) is not None:
            return True
        # The id of what was sent may be cut off; by its recipient alone a report is ours only where it names no other's.
        others = any(reference(one) for one in letter.answers)
        return not others and any(fate.recipient in self._config.recipients for fate in letter.fates)

    def _named(self, letter: Letter) -> Reference | None:
        for one in letter.answers:
            found = reference(one)
            if found is not None and found.tag == self._config.tag:
                return found
        return None

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What it says. Raises Unreadable with the words of whoever wrote it."""
        if raw.content_type == SAID:
            return (_said(raw),)
        letter = letters.read(raw.body)
        at = _received(raw) or letter.date
        if at is None:
            raise Unreadable(f"the mail {_about(letter)} has no date", field="Date")
        named = self._named(letter)
        po_number = named.po_number if named else po_number_in(letter.subject)
        if letter.fates:
            return self._report(letter, named, at, raw.external_id)
        rows = self._table(letter, po_number, raw.external_id)
        if rows:
            return self._rows.updates(rows, "shipments", at)
        if letter.automatic and po_number:
            said = f"an automatic answer: {letter.subject}" + (f": {_first(letter.text)}" if letter.text else "")
            return (_update(UpdateKind.RECEIVED, raw.external_id, po_number, at, said),)
        raise Unreadable(f"a person must read the mail {_about(letter)}: {_why(letter)}")

    # --- tables -------------------------------------------------------------------------------------------------------

    def _table(self, letter: Letter, po_number: str, place: str) -> list[Row]:
        found: list[Row] = []
        for file in letter.attached:
            if (rows := _rows_of(file, place)) is None:
                continue
            found += [row for row in (self._named_row(row, po_number) for row in rows) if self._says_something(row)]
        return found

    def _named_row(self, row: Row, po_number: str) -> Row:
        """The row, with the purchase order the letter is about where it names none."""
        if po_number and not self._rows.get(row, "po_number"):
            return Row(row.place, {**row.values, "po_number": po_number})
        return row

    def _says_something(self, row: Row) -> bool:
        return bool(self._rows.get(row, "status") or self._rows.get(row, "tracking_number"))

    # --- reports ------------------------------------------------------------------------------------------------------

    def _report(self, letter: Letter, named: Reference | None, at: datetime, key: str) -> tuple[SupplierUpdate, ...]:
        said = _told(letter.fates)
        if named is None:
            # A subject anybody can write; the id of a mail of ours only who has had it.
            raise Unreadable(f"a mail server reports {said}, and does not say of which mail of ours")
        failed = {fate.recipient for fate in letter.fates if fate.action == "failed"}
        if (asked := _ASKED.get(named.digest[:6])) and failed:
            kind, said = UpdateKind.NOTED, f"the {asked} came back: {said}"  # the order itself came before
        elif failed >= set(self._config.recipients):
            kind, said = UpdateKind.UNDELIVERED, f"the mail came back: {said}"
        elif failed:
            # An address we do not know may be what one of ours forwards to.
            kind, said = UpdateKind.DOUBTFUL, f"the mail came back from some: {said}"
        elif all(fate.action == "delivered" for fate in letter.fates):
            kind = UpdateKind.RECEIVED
        elif all(fate.action in _NEWS | {"delivered"} for fate in letter.fates):
            kind = UpdateKind.NOTED
        else:
            odd = next(fate.action for fate in letter.fates if fate.action not in _NEWS)
            raise Unreadable(f"a mail server reports {odd!r}, which is in no table: {said}", field="Action")
        return (_update(kind, key, named.po_number, at, said),)


def _said(raw: Raw) -> SupplierUpdate:
    try:
        return msgspec.json.decode(raw.body, type=SupplierUpdate)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f"what was said by a link is damaged: {error}") from error


def _update(kind: UpdateKind, key: str, po_number: str, at: datetime, message: str) -> SupplierUpdate:
    return SupplierUpdate(kind=kind, key=key[:200], po_number=po_number, occurred_at=at, message=message[:1000])


def _received(raw: Raw) -> datetime | None:
    """When the mailbox got it, as ``poll`` noted it beside the type, so that reading stays pure."""
    found = _RECEIVED.search(raw.content_type)
    return datetime.fromtimestamp(int(found[1]), UTC) if found and len(found[1]) < 12 else None


def _rows_of(file: Attached, place: str) -> list[Row] | None:
    """The rows of an attached table, None where it is none."""
    ending = file.name.rpartition(".")[2].lower()
    name = f"{place}/{file.name or 'table'}"
    if workbook.is_workbook(file.body) and (ending in ("xlsx", "xlsm") or file.content_type == _BOOKS or not file.name):
        return _book(file.body, name)
    if ending in ("csv", "tsv") or file.content_type in _TABLES:
        return read_csv(file.body, name)
    return None


def _book(body: bytes, name: str) -> list[Row]:
    found: list[Row] = []
    for sheet in workbook.sheets(body):
        header: list[str] | None = None
        for number, cells, problem in sheet.rows:
            place = f"{name}, sheet {sheet.name}, row {number}"
            texts = [unguard(str(cell)) for cell in cells]
            if header is None:
                header = [normal(text) for text in texts]
                twice = next((key for key in header if key and header.count(key) > 1), "")
                if twice:
                    raise Unreadable(f"{place}: the header has {twice!r} twice, so its column is not certain")
                continue
            if problem:
                raise Unreadable(f"{place}: {problem}")
            found.append(Row(place, {key: text for key, text in zip(header, texts, strict=False) if key}))
    return found


def _told(fates: Sequence[Fate]) -> str:
    return "; ".join(f"{fate.recipient} {fate.action}: {fate.said}" for fate in fates[:5])[:900]


def _about(letter: Letter) -> str:
    return f"“{_first(letter.subject, 120) or 'without a subject'}” from {letter.sender or 'nobody'}"


def _first(text: str, most: int = _SHOWN) -> str:
    line = _LINK.sub("/answer/***", " ".join(text.split()))  # quoted by some programs as if they had written it
    return line if len(line) <= most else line[:most] + " …"


def _why(letter: Letter) -> str:
    names = [file.name or file.content_type for file in letter.attached if not _EMPTY.search(file.content_type)]
    if names and letter.text:
        return f"no filled table is attached ({', '.join(names)[:200]}). It says: {_first(letter.text)}"
    if names:
        return f"no filled table is attached ({', '.join(names)[:200]})"
    return f"it says: {_first(letter.text)}" if letter.text else "it is empty"
