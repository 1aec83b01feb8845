"""The mail itself: the same bytes every time, safe to carry, readable by people, programs and scanners."""

from __future__ import annotations

import email
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from engine import settings
from engine.connectors.suppliers.email import document
from engine.connectors.suppliers.email.config import Config
from engine.connectors.suppliers.email.connector import Connector
from engine.errors import Misconfigured, NotAuthorised, Refused
from engine.ports import Enclosed, Purchase
from engine.services import paper
from tests.connectors.email.post import table_of
from tests.connectors.email.test_mail_demo import PURCHASE
from tests.support.reading_pdf import barcodes, texts

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CONFIG = Config(to="orders@acme.test, Second <two@acme.test>", sender="Shop <buy@shop.test>", our_name="Shöp & Söhne")
LINK = "https://orders.shop.test/answer/" + "A" * 47


def made(purchase: Purchase = PURCHASE, config: Config = CONFIG, pdf: bytes = b"%PDF") -> EmailMessage:
    enclosed = Enclosed(paper=pdf, at=AT, until=AT + timedelta(days=30), confirm=LINK, decline=LINK, track=LINK)
    connector = Connector(config)
    body = connector.enclose(connector.render(purchase), enclosed)
    assert body == connector.enclose(connector.render(purchase), enclosed)
    assert all(byte < 128 for byte in body)  # carried by every server
    assert max(map(len, body.split(b"\r\n"))) <= 998
    assert body.count(b"\n") == body.count(b"\r\n") == body.count(b"\r")
    found = email.message_from_bytes(body, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def test_it_carries_text_paper_with_barcode_and_table() -> None:
    pdf = await paper.as_sent(PURCHASE, "Acme")
    assert pdf == await paper.as_sent(PURCHASE, "Acme")
    mail = made(pdf=pdf)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "text/plain", "application/pdf", "text/csv",
    ]  # fmt: skip
    assert mail["Subject"] == "[1001-1] Purchase order from Shöp & Söhne"
    assert mail["From"].addresses[0].display_name == "Shöp & Söhne"
    assert [one.addr_spec for one in mail["To"].addresses] == ["orders@acme.test", "two@acme.test"]
    [attached, _] = mail.iter_attachments()
    assert attached.get_filename() == "1001-1.pdf"
    assert barcodes(attached.get_content()) == ["1001-1"]
    assert "NOT SENT" not in texts(attached.get_content())[0]
    assert "1.  2 × W-1  A widget" in text(mail)
    assert "Total  12.50 USD" in text(mail)
    assert text(mail).count(LINK) == 3
    assert [row["quantity"] for row in table_of(mail)] == ["2", "3"]


def test_a_changed_order_has_another_id_and_each_supplier_its_own() -> None:
    known = document.reference(made()["Message-ID"])
    changed = document.reference(made(msgspec.structs.replace(PURCHASE, note="leave it at the door"))["Message-ID"])
    other = document.reference(made(config=msgspec.structs.replace(CONFIG, to="x@y.test"))["Message-ID"])
    assert known is not None
    assert changed is not None
    assert other is not None
    assert known.po_number == changed.po_number == other.po_number == "1001-1"
    assert known.digest == other.digest != changed.digest
    assert known.tag == changed.tag != other.tag
    assert document.reference("<somebody.else@x>") is None


_NUMBERS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="[]"), min_size=1, max_size=60
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(_NUMBERS, st.text(max_size=200), st.text(max_size=80))
def test_any_number_comes_back_and_no_text_leaves_its_place(number: str, anything: str, name: str) -> None:
    try:
        document.render(msgspec.structs.replace(PURCHASE, po_number=number))
    except Refused:
        return
    lines = tuple(msgspec.structs.replace(line, title=anything, supplier_sku=name or "x") for line in PURCHASE.lines)
    mail = made(
        msgspec.structs.replace(PURCHASE, po_number=number, note=anything, lines=lines, method_name=name),
        msgspec.structs.replace(CONFIG, our_name=name),
    )
    found = document.reference(str(mail["Message-ID"]))
    assert found is not None
    assert found.po_number == number
    assert document.po_number_in(str(mail["Subject"])) == number
    assert len(list(mail.iter_attachments())) == 2
    assert set(mail.keys()) == {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
    assert {row["po_number"].lstrip("'") for row in table_of(mail)} <= {number, number.lstrip("'")}


def test_a_number_that_would_not_come_back_is_refused() -> None:
    for number in ("10[01]", " 1001", "1001 "):
        with pytest.raises(Refused, match="cannot stand in the subject"):
            document.render(msgspec.structs.replace(PURCHASE, po_number=number))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"to": ""}, "to is missing"),
        ({"to": "nobody"}, "to is missing"),
        ({"to": "a@müller.de"}, "to: addresses are plain ASCII"),
        ({"to": "a@b.test\nBcc: c@d.test"}, "to: addresses are plain ASCII on one line"),
        ({"to": "a@b.test", "inbox": "imap", "imap_host": "x"}, "imap_user is missing"),
        ({"to": "a@b.test", "inbox": "maildir"}, "maildir is missing"),
        ({"to": "a@b.test", "link_days": 0}, "link_days must be between"),
        ({"to": "a@b.test", "nonsense": 1}, "nonsense"),
    ],
)
def test_settings_that_do_not_fit_are_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(values, Config)


async def test_without_any_mail_server_nothing_leaves_and_somebody_is_told() -> None:
    connector = Connector(Config(to="a@b.test"))
    with pytest.raises(NotAuthorised, match="no mail server is set: give BLUEBOOK_SMTP_HOST"):
        await connector.submit("1001-1", b"x")
    settings.force(msgspec.structs.replace(settings.settings(), smtp_from="nobody"))
    with pytest.raises(Misconfigured, match="sender is missing"):
        connector.enclose(connector.render(PURCHASE), Enclosed(paper=b"", at=AT, until=AT))
    assert (await connector.poll(None)).items == ()


async def test_bluebooks_own_mail_server_is_used_where_none_is_named() -> None:
    settings.force(msgspec.structs.replace(settings.settings(), smtp_host="127.0.0.1", smtp_port=9))
    with pytest.raises(Exception, match=r"the mail server 127\.0\.0\.1:9 cannot be used"):
        await Connector(Config(to="a@b.test")).check()
