"""MDNs, the receipts of AS2 (RFC 3798, RFC 4130 section 7): built, read and judged. Pure.

Only "processed" with the MIC of what we sent counts as a delivery. Everything else is either a definite no, or proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re

import msgspec

from engine.errors import Unreadable
from engine.transports.as2 import cms, mime
from engine.transports.as2.certificates import Credential
from engine.transports.as2.mime import Entity
from engine.transports.messages import State

PROCESSED = "processed"
_DISPOSITION = re.compile(r"[^;]{0,200};\s*([A-Za-z-]{1,40})\s*(?:/\s*([A-Za-z-]{1,40})\s*(?::\s*(.{0,300}))?)?")
_SPELLING = {"sha1": "sha1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
_LINE = 300
REPORTS = ("multipart/report", "message/disposition-notification")


class Report(msgspec.Struct, frozen=True):
    """What an MDN says. ``kind`` is error, failure or warning, "" for none; ``mic`` is "sha256:BASE64", "" for none."""

    original_message_id: str
    disposition: str
    kind: str
    modifier: str
    mic: str
    words: str


class Verdict(msgspec.Struct, frozen=True):
    """What that means for what we sent, and why, for people."""

    state: State
    words: str


def algorithm(name: str) -> str:
    """The digest by our name, "" for one we do not know: sha-256, SHA256 and "sha256" are one."""
    found = re.sub(r"[^a-z0-9]", "", name.lower())
    return found if found in cms.DIGESTS else ""


def spelled(digest: str) -> str:
    """The digest as headers of today name it (RFC 5751)."""
    return _SPELLING[digest]


def mics(content: bytes) -> tuple[str, ...]:
    """What a partner that received the content may say: by each digest, and with the line end before the boundary or not."""
    return tuple(mic(digest, each) for digest in cms.DIGESTS for each in (content, content + b"\r\n"))


def mic(digest: str, content: bytes) -> str:
    """The message integrity check of some bytes, as "sha256:BASE64"."""
    return f"{digest}:{base64.b64encode(cms.hashed(digest, content)).decode()}"


# --- built ------------------------------------------------------------------------------------------------------------


def build(
    *, recipient: str, original_message_id: str, disposition: str, words: str, mic: str, spelling: str,
    signer: Credential | None, digest: cms.Digest,
) -> Entity:  # fmt: skip
    """The MDN for a message, signed where there is a signer. ``mic`` "" is left out; ``spelling`` is how they call its digest."""
    lines = [
        "Reporting-UA: Bluebook",
        f"Original-Recipient: rfc822; {mime.clean(recipient)}",
        f"Final-Recipient: rfc822; {mime.clean(recipient)}",
        f"Original-Message-ID: {mime.clean(original_message_id)}",
        f"Disposition: automatic-action/MDN-sent-automatically; {disposition}",
    ]
    if mic:
        lines.append(f"Received-Content-MIC: {mic.partition(':')[2]}, {spelling}")
    said = mime.clean(words).encode("ascii", "replace")
    text = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + said + b"\r\n"
    machine = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")
    head = b"Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    boundary = f"mdn-{hashlib.sha256(machine + said).hexdigest()[:32]}"
    body = mime.multipart("", boundary, text, head + machine)
    content_type = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    if signer is None:
        return Entity({"content-type": content_type}, body)
    return signed(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, signer, digest)


def signed(content: bytes, signer: Credential, digest: cms.Digest) -> Entity:
    """Some part with its headers, signed, as multipart/signed."""
    signature = base64.encodebytes(cms.sign(content, signer, digest)).replace(b"\n", b"\r\n")
    boundary = f"signed-{hashlib.sha256(content).hexdigest()[:32]}"
    head = (
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n'
    )
    content_type = (
        f'multipart/signed; protocol="application/pkcs7-signature"; micalg={spelled(digest)}; boundary="{boundary}"'
    )
    return Entity({"content-type": content_type}, mime.multipart("", boundary, content, head + signature))


# --- read -------------------------------------------------------------------------------------------------------------


def read(entity: Entity) -> Report:
    """What the MDN says. Raises Unreadable for what is none."""
    words, machine = [], None
    if entity.content_type == "message/disposition-notification":
        machine = entity
    elif entity.content_type == "multipart/report":
        for raw, _ in mime.parts(entity.body, entity.parameter("boundary")):
            part = mime.parse(raw)
            if part.content_type == "message/disposition-notification":
                machine = machine or part
            elif part.content_type == "text/plain":
                words.append(part.decoded().decode("utf-8", "replace"))
    if machine is None:
        raise Unreadable(f"the answer is no MDN: it is {mime.clean(entity.content_type)[:80]}")
    block = machine.decoded()[: mime.MAX_HEADER]
    told = mime.fields(block)
    if "disposition" not in told and machine.headers.get("disposition"):
        told = machine.headers  # some forget the blank line
    found = _DISPOSITION.match(told.get("disposition", ""))
    if found is None:
        raise Unreadable("the MDN does not say what became of the message: it has no Disposition", "Disposition")
    return Report(
        original_message_id=mime.clean(told.get("original-message-id", "")),
        disposition=found[1].lower(),
        kind=(found[2] or "").lower(),
        modifier=mime.clean(found[3] or ""),
        mic=_mic(told.get("received-content-mic", "")),
        words=" ".join(mime.clean(" ".join(words)).split())[:_LINE],
    )


def _mic(field: str) -> str:
    value, _, name = field.rpartition(",")
    digest = algorithm(name)
    value = "".join(value.split())
    return f"{digest}:{value}" if digest and value else "?" if field.strip() else ""


# --- judged -----------------------------------------------------------------------------------------------------------


def judge(report: Report, known: tuple[str, ...], *, mic_needed: bool) -> Verdict:
    """Delivered, refused or doubtful. ``known`` are the MICs of what we sent; ``mic_needed`` where we asked for one."""
    said = f" ({report.words})" if report.words else ""
    modifier = f"{report.kind}: {report.modifier}".strip(": ")
    if report.disposition == "failed" or report.kind in ("error", "failure"):
        return Verdict("refused", f"their MDN says {report.disposition}/{modifier}{said}".replace("/ ", " "))
    if report.disposition != PROCESSED or report.kind not in ("", "warning"):
        return Verdict("doubtful", f"their MDN says {report.disposition!r} {modifier}{said}, which settles nothing")
    duplicate = report.kind == "warning" and "duplicate" in report.modifier.lower()
    if report.mic and report.mic not in known:
        return Verdict("doubtful", f"their MDN has the MIC of something else than we sent (MIC mismatch){said}")
    if not report.mic and mic_needed and not duplicate:
        return Verdict("doubtful", f"their MDN has no MIC, so it does not prove what they received{said}")
    if duplicate:
        return Verdict("delivered", f"their MDN says they had it already ({modifier})")
    return Verdict("delivered", f"their MDN says processed{', with a ' + modifier if modifier else ''}")
