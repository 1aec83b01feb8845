"""CMS (RFC 5652, RFC 5402 for compression): signed, enveloped and compressed data in DER, read also from BER. Pure.

What asn1crypto raises for damaged input is turned into ours in one place, ``contract``.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from asn1crypto import cms, core, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.serialization import Encoding

from engine.errors import BluebookError, Refused, Unreadable
from engine.transports.as2.certificates import Credential, Trusted, describe

Digest = Literal["sha1", "sha256", "sha384", "sha512"]
CipherName = Literal["aes128", "aes256", "3des"]
MAX_CONTENT = 64 * 1024 * 1024
DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}  # fmt: skip
_CIPHERS = {"aes128": ("aes128_cbc", 16), "aes256": ("aes256_cbc", 32), "3des": ("tripledes_3key", 24)}
_KEY_LENGTHS = {"aes128_cbc": 16, "aes192_cbc": 24, "aes256_cbc": 32, "tripledes_3key": 24}
_PLAIN_RSA = ("rsassa_pkcs1v15", "sha1_rsa", "sha256_rsa", "sha384_rsa", "sha512_rsa")


@contextmanager
def contract(what: str) -> Iterator[None]:
    """Whatever the readers of ASN.1 raise for damaged bytes becomes Unreadable."""
    try:
        yield
    except BluebookError:
        raise
    # asn1crypto reads lazily and raises what the damage happens to hit; there is no base class for it.
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
            UnsupportedAlgorithm, NotImplementedError) as error:  # fmt: skip
        raise Unreadable(f"{what} cannot be read: {error}") from error


def hashed(digest: str, content: bytes) -> bytes:
    """The digest of the content."""
    made = hashes.Hash(DIGESTS[digest]())
    made.update(content)
    return made.finalize()


def kind(der: bytes) -> str:
    """signed_data, enveloped_data, compressed_data, or what else it says it is. Raises Unreadable."""
    with contract("the S/MIME part"):
        return str(cms.ContentInfo.load(der)["content_type"].native)


def _identity(credential: x509.Certificate) -> cms.IssuerAndSerialNumber:
    return cms.IssuerAndSerialNumber({"issuer": credential.issuer, "serial_number": credential.serial_number})


def _asn1(certificate: Any) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


# --- signed -----------------------------------------------------------------------------------------------------------


def sign(content: bytes, signer: Credential, digest: Digest) -> bytes:
    """A detached signature in DER. No time is in it, so that the same content is the same bytes."""
    attributes = cms.CMSAttributes([
        {"type": "content_type", "values": ["data"]},
        {"type": "message_digest", "values": [hashed(digest, content)]},
    ])  # fmt: skip
    certificate = _asn1(signer.certificate)
    signature = signer.private.sign(attributes.dump(), rsa_padding.PKCS1v15(), DIGESTS[digest]())
    info = cms.SignerInfo({
        "version": "v1", "sid": {"issuer_and_serial_number": _identity(certificate)},
        "digest_algorithm": {"algorithm": digest}, "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"}, "signature": signature,
    })  # fmt: skip
    signed = cms.SignedData({
        "version": "v1", "digest_algorithms": [{"algorithm": digest}], "encap_content_info": {"content_type": "data"},
        "certificates": [certificate], "signer_infos": [info],
    })  # fmt: skip
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def verify(der: bytes, variants: Sequence[bytes], trusted: Sequence[Trusted]) -> tuple[bytes, str]:
    """The variant that was signed by one of the trusted certificates, and by which digest.

    An opaque signature brings its content along: then ``variants`` are not looked at. Raises Unreadable; Refused with code
    ``authentication-failed`` where nobody trusted signed it, ``integrity-check-failed`` where it was changed since.
    """
    with contract("the signature"):
        info = cms.ContentInfo.load(der)
        if info["content_type"].native != "signed_data":
            raise Unreadable(f"the signature is {info['content_type'].native!r}, not signed data")
        data = info["content"]
        inside = data["encap_content_info"]["content"]
        if inside.native is not None:
            variants = [bytes(inside.parsed.native if isinstance(inside, core.ParsableOctetString) and isinstance(
                inside.parsed, core.OctetString) else inside.native)]  # fmt: skip
        infos = list(data["signer_infos"])
        if not infos:
            raise Refused("the message has a signature without a signer", "authentication-failed")
        for signer in infos[:5]:
            found = _verified(signer, variants, trusted)
            if found is not None:
                return found
        presented = [describe(c.chosen.dump()) for c in data["certificates"] or () if c.name == "certificate"]
    by = f" It came with the certificate of {', '.join(presented[:3])}." if presented else ""
    known = ", ".join(one.name for one in trusted) or "no valid certificate"
    raise Refused(
        f"the signature was not made by the partner as we know it ({known}).{by} If the partner has a new certificate, "
        "put it into the connection's settings",
        "authentication-failed",
    )


def _verified(signer: Any, variants: Sequence[bytes], trusted: Sequence[Trusted]) -> tuple[bytes, str] | None:
    digest = str(signer["digest_algorithm"]["algorithm"].native)
    method = str(signer["signature_algorithm"]["algorithm"].native)
    if digest not in DIGESTS or method not in _PLAIN_RSA:
        raise Refused(
            f"the signature is made by {digest} and {method}, which we do not accept", "authentication-failed"
        )
    signature = bytes(signer["signature"].native)
    attributes = signer["signed_attrs"]
    if not attributes:
        for content in variants:
            if _by_whom(signature, content, digest, trusted):
                return content, digest
        return None
    # As it was sent, under the tag of a plain SET, which is what is signed.
    if not _by_whom(signature, b"\x31" + attributes.dump()[1:], digest, trusted):
        return None
    values = {item["type"].native: item["values"].native for item in attributes}
    for content in variants:
        if [hashed(digest, content)] == values.get("message_digest"):
            return content, digest
    raise Refused("the message was changed after it was signed: its digest is another", "integrity-check-failed")


def _by_whom(signature: bytes, content: bytes, digest: str, trusted: Sequence[Trusted]) -> bool:
    for one in trusted:
        try:
            one.public.verify(signature, content, rsa_padding.PKCS1v15(), DIGESTS[digest]())
        except InvalidSignature:
            continue
        return True
    return False


# --- enveloped --------------------------------------------------------------------------------------------------------


def encrypt(content: bytes, to: Trusted, cipher: CipherName) -> bytes:
    """Enveloped data in DER that only the certificate's owner can open."""
    name, length = _CIPHERS[cipher]
    key = os.urandom(length)
    algorithm = _block(name, key)
    size = algorithm.block_size
    iv = os.urandom(size // 8)
    padder = padding.PKCS7(size).padder()
    writer = Cipher(algorithm, modes.CBC(iv)).encryptor()
    body = writer.update(padder.update(content) + padder.finalize()) + writer.finalize()
    recipient = cms.KeyTransRecipientInfo({
        "version": "v0", "rid": {"issuer_and_serial_number": _identity(_asn1(to.certificate))},
        "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
        "encrypted_key": to.public.encrypt(key, rsa_padding.PKCS1v15()),
    })  # fmt: skip
    data = cms.EnvelopedData({
        "version": "v0", "recipient_infos": [cms.RecipientInfo({"ktri": recipient})],
        "encrypted_content_info": {
            "content_type": "data", "encrypted_content": body,
            "content_encryption_algorithm": {"algorithm": name, "parameters": core.OctetString(iv)},
        },
    })  # fmt: skip
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": data}).dump())


def _block(name: str, key: bytes) -> Any:
    return TripleDES(key) if name == "tripledes_3key" else AES(key)


def decrypt(der: bytes, keys: Sequence[Credential]) -> bytes:
    """What was encrypted for one of our certificates. Raises Unreadable, Refused with code ``decryption-failed``.

    Whatever fails while it is opened is told in the same words: more would help somebody guess at the content.
    """
    with contract("the encrypted part"):
        data = cms.ContentInfo.load(der)["content"]
        content = data["encrypted_content_info"]
        name = str(content["content_encryption_algorithm"]["algorithm"].native)
        if name not in _KEY_LENGTHS:
            raise Refused(f"it is encrypted by {name}, which we do not accept", "decryption-failed")
        iv = bytes(content["content_encryption_algorithm"].encryption_iv)
        wrapped = [(one, sealed, scheme) for sealed, scheme, rid in _recipients(data)
                   for one in keys if _meant(rid, one)]  # fmt: skip
        body = bytes(content["encrypted_content"].native or b"")
    if not wrapped:
        known = ", ".join(one.name for one in keys)
        raise Refused(f"it is encrypted for a certificate that is not ours ({known})", "decryption-failed")
    for one, sealed, scheme in wrapped:
        opened = _opened(one, sealed, scheme, name, iv, body)
        if opened is not None:
            return opened
    raise Refused("it cannot be decrypted by our key", "decryption-failed")


def _recipients(data: Any) -> Iterator[tuple[bytes, Any, Any]]:
    for recipient in list(data["recipient_infos"])[:20]:
        if recipient.name == "ktri":
            inner = recipient.chosen
            yield bytes(inner["encrypted_key"].native), inner["key_encryption_algorithm"], inner["rid"]


def _meant(rid: Any, credential: Credential) -> bool:
    certificate = _asn1(credential.certificate)
    if rid.name == "issuer_and_serial_number":
        serial = bool(rid.chosen["serial_number"].native == certificate.serial_number)
        return serial and bool(rid.chosen["issuer"].hashable == certificate.issuer.hashable)
    return bool(rid.chosen.native) and bytes(rid.chosen.native) in (
        certificate.key_identifier,
        certificate.public_key.sha1,
    )


def _opened(one: Credential, sealed: bytes, scheme: Any, name: str, iv: bytes, body: bytes) -> bytes | None:
    try:
        key = one.private.decrypt(sealed, _transport(scheme))
        if len(key) != _KEY_LENGTHS[name]:
            return None
        reader = Cipher(_block(name, key), modes.CBC(iv)).decryptor()
        padded = reader.update(body) + reader.finalize()
        unpadder = padding.PKCS7(len(iv) * 8).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except (ValueError, TypeError, KeyError):
        return None


def _transport(scheme: Any) -> Any:
    method = str(scheme["algorithm"].native)
    if method in ("rsaes_pkcs1v15", "rsa"):
        return rsa_padding.PKCS1v15()
    if method == "rsaes_oaep":
        given = scheme["parameters"]
        digest = given["hash_algorithm"]["algorithm"].native
        mask = given["mask_gen_algorithm"]["parameters"]["algorithm"].native
        return rsa_padding.OAEP(rsa_padding.MGF1(DIGESTS[mask]()), DIGESTS[digest](), None)
    raise ValueError(method)


# --- compressed -------------------------------------------------------------------------------------------------------


def compress(content: bytes) -> bytes:
    """Compressed data in DER."""
    data = cms.CompressedData({
        "version": "v0", "compression_algorithm": cms.CompressionAlgorithm({"algorithm": "zlib"}),
        "encap_content_info": {"content_type": "data", "content": zlib.compress(content)},
    })  # fmt: skip
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def decompress(der: bytes) -> bytes:
    """What was compressed. Raises Unreadable, Refused with code ``decompression-failed``, also for more than ``MAX_CONTENT``."""
    with contract("the compressed part"):
        packed = cms.ContentInfo.load(der)["content"]["encap_content_info"]["content"].native
        packed = bytes(packed or b"")
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(packed, MAX_CONTENT)
    except zlib.error as error:
        raise Refused(f"it cannot be decompressed: {error}", "decompression-failed") from error
    if not reader.eof:
        why = "it is cut short" if not reader.unconsumed_tail else f"it is larger than {MAX_CONTENT} bytes"
        raise Refused(f"it cannot be decompressed: {why}", "decompression-failed")
    return content
