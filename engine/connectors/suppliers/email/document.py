"""A purchase order as a mail: text for people, the printed paper, and a table to fill in; the same bytes every time.

The id of the mail is made of the purchase order's number and of what it says. So a purchase order that a person has sent again
comes under its old id, by which mail programs and people recognise it, and one that was changed comes under another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from urllib.parse import quote, unquote

import msgspec

from engine.connectors.suppliers.email.config import Config
from engine.connectors.tables import write_csv
from engine.domain import money
from engine.domain.letters import addresses
from engine.errors import Refused
from engine.ports import Enclosed, Purchase, Reminder
from engine.settings import settings

# Long ids must not be folded, so no line is; bodies are encoded into short ones.
_POLICY = SMTP.clone(max_line_length=998)
_ID = re.compile(r"<bb\.([A-Za-z0-9%_~-]{1,400})\.([0-9a-z]{16})\.([0-9a-f]{8})@")
_SUBJECT = re.compile(r"\[([^\[\]]{1,90})\]")
_ADDRESS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")


class Reference(msgspec.Struct, frozen=True):
    """What an id of ours says: of which purchase order, what it said (or ``cancel``), and to which supplier."""

    po_number: str
    digest: str
    tag: str


def message_id(po_number: str, digest: str, config: Config) -> str:
    """The id of a mail about this purchase order."""
    name = quote(po_number, safe="").replace(".", "%2E")
    return f"<bb.{name}.{digest}.{config.tag}@{config.from_address.rpartition('@')[2]}>"


def reference(known: str) -> Reference | None:
    """What a message id says, None where it is not one of ours."""
    found = _ID.match(known)
    return Reference(unquote(found[1]), found[2], found[3]) if found else None


def po_number_in(subject: str) -> str:
    """The purchase order's number in a subject of ours, also behind Re: and Fwd:; "" where there is none."""
    found = _SUBJECT.search(subject)
    return found[1].strip() if found else ""


def render(purchase: Purchase) -> bytes:
    """The purchase order, not yet a mail. Raises Refused for a number that would not come back in a reply."""
    if po_number_in(_one_line(f"[{purchase.po_number}]")) != purchase.po_number:
        raise Refused(f"the purchase order number {purchase.po_number!r} cannot stand in the subject of a mail")
    return msgspec.json.encode(purchase)


def mail(body: bytes, enclosed: Enclosed, config: Config) -> bytes:
    """The mail, from what ``render`` made and what the engine adds. Pure but for the address of the settings."""
    purchase = msgspec.json.decode(body, type=Purchase)
    digest = hashlib.sha256(body).hexdigest()[:16]
    us = _one_line(config.our_name)
    letter = _letter(f"[{purchase.po_number}] Purchase order{f' from {us}' if us else ''}", enclosed.at, config)
    letter["Message-ID"] = message_id(purchase.po_number, digest, config)
    _text(letter, _words(purchase, enclosed, us))
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", purchase.po_number) or "order"
    letter.add_attachment(enclosed.paper, "application", "pdf", filename=f"{name}.pdf")
    letter.add_attachment(table(purchase), "text", "csv", filename=f"{name}.csv", params={"charset": "utf-8"})
    letter.set_boundary(f"=_bluebook_{digest}")  # no encoded line begins so
    return letter.as_bytes(policy=_POLICY)


def cancel_mail(po_number: str, at: datetime, config: Config) -> bytes:
    """The mail that asks for a purchase order to be canceled."""
    letter = _letter(f"[{po_number}] Please cancel this purchase order", at, config)
    letter["Message-ID"] = message_id(po_number, f"cancel{at:%Y%m%d%H}", config)
    us = _one_line(config.our_name)
    _text(
        letter,
        [
            f"Please cancel purchase order {po_number}{f' from {us}' if us else ''}.",
            "",
            "If nothing of it has shipped: open the link “We cannot fulfil it” in the mail that brought the order, or reply",
            "to this mail with its table, and canceled as the status. If it has shipped, please send the tracking number.",
        ],
    )
    return letter.as_bytes(policy=_POLICY)


def reminder_mail(reminder: Reminder, config: Config) -> bytes:
    """The mail that asks what became of a purchase order."""
    us = _one_line(config.our_name)
    number, at = reminder.po_number, reminder.at
    owed = "whether you will ship it" if reminder.acknowledge else "the tracking number"
    letter = _letter(f"[{number}] Reminder: we wait for {owed}", at, config)
    letter["Message-ID"] = message_id(number, f"remind{at:%Y%m%d%H}", config)
    words = [
        f"On {reminder.sent_at:%d %B %Y} we sent you purchase order {number}{f' from {us}' if us else ''}.",
        f"We have not heard {owed} yet. If the mail did not reach you, please tell us by a reply.", "",
    ]  # fmt: skip
    links = ("We will ship it", reminder.confirm), ("We cannot fulfil it", reminder.decline)
    wanted = [*(links if reminder.acknowledge else ()), ("Add a tracking number", reminder.track)]
    for told, link in wanted:
        if link:
            words += [told, f"  {link}"]
    _text(letter, words)
    return letter.as_bytes(policy=_POLICY)


def _letter(subject: str, at: datetime, config: Config) -> EmailMessage:
    letter = EmailMessage(policy=_POLICY)
    sender = config.sender or settings().smtp_from
    letter["From"] = formataddr((_one_line(config.our_name), addresses(sender)[0])) if config.our_name else sender
    letter["To"] = ", ".join(config.recipients)
    letter["Subject"] = _one_line(subject)
    letter["Date"] = format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)
    return letter


def _text(letter: EmailMessage, lines: Sequence[str]) -> None:
    # Quoted-printable, whatever is in it: eight-bit mail is not carried everywhere.
    letter.set_content("\n".join(lines) + "\n", cte="quoted-printable")


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


# --- what it says -----------------------------------------------------------------------------------------------------


def _words(purchase: Purchase, enclosed: Enclosed, us: str) -> list[str]:
    total = sum(line.unit_cost * line.quantity for line in purchase.lines)
    found = [
        f"Purchase order {purchase.po_number}{f' from {us}' if us else ''}", f"Order {purchase.order_number}", "", "Ship to",
        *(f"  {line}" for line in _address_lines(purchase)), "",
    ]  # fmt: skip
    if purchase.method_name or purchase.method_code:
        found += [f"Ship by  {_method(purchase)}", ""]
    for line in purchase.lines:
        found += [
            f"{line.line:>3}.  {line.quantity} × {_one_line(line.supplier_sku)}  {_one_line(line.title)}",
            f"      at {_amount(line.unit_cost, purchase)} = {_amount(line.unit_cost * line.quantity, purchase)}",
        ]
    found += ["", f"Total  {_amount(total, purchase)}", ""]
    if purchase.note.strip():
        found += ["Note", *(f"  {_one_line(line)}" for line in purchase.note.strip().splitlines()), ""]
    return [*found, *_how_to_answer(enclosed)]


def _how_to_answer(enclosed: Enclosed) -> list[str]:
    found = []
    if enclosed.confirm:
        found += [
            f"Answer by these links, until {enclosed.until:%d %B %Y}. Nobody needs to log in:", "",
            "We will ship it", f"  {enclosed.confirm}", "We cannot fulfil it", f"  {enclosed.decline}",
            "Add a tracking number", f"  {enclosed.track}", "",
        ]  # fmt: skip
    return [
        *found,
        f"{'Or reply' if found else 'Reply'} to this mail with the attached table filled in: in the column status write",
        "acknowledged, backordered or rejected; once it has shipped, the carrier and the tracking number.",
        "The purchase order is also attached as PDF.",
    ]


def _address_lines(purchase: Purchase) -> list[str]:
    to = purchase.ship_to
    place = " ".join(filter(None, (to.city, to.region, to.postal_code)))
    wanted = (to.name, to.company, to.line1, to.line2, place, to.country, to.phone)
    return [_one_line(part) for part in wanted if part and part.strip()]


def _method(purchase: Purchase) -> str:
    code = f" ({purchase.method_code})" if purchase.method_code and purchase.method_name else purchase.method_code
    return _one_line(f"{purchase.method_name}{code}")


def _amount(minor: int, purchase: Purchase) -> str:
    return money.show(minor, purchase.currency)


def table(purchase: Purchase) -> bytes:
    """The purchase order as CSV, a row for each line, with empty columns for the answer."""
    header = [
        "po_number", "line", "supplier_sku", "title", "quantity", "unit_cost", "currency", "ship_method",
        *(f"ship_to_{name}" for name in _ADDRESS), "order_note", "status", "carrier", "tracking_number", "message",
    ]  # fmt: skip
    to = [str(getattr(purchase.ship_to, name) or "") for name in _ADDRESS]
    rows = [
        [
            purchase.po_number, str(line.line), line.supplier_sku, line.title, str(line.quantity),
            str(money.major(line.unit_cost, purchase.currency)), purchase.currency,
            purchase.method_code or purchase.method_name, *to, purchase.note, "", "", "", "",
        ]
        for line in purchase.lines
    ]  # fmt: skip
    return write_csv(header, rows)
