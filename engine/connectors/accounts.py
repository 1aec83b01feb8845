"""Addresses in settings: whether two lead to the same account, though written differently, and what one leads to."""

from __future__ import annotations

from urllib.parse import urlsplit

from engine.errors import Misconfigured

_PORTS = {"http": 80, "https": 443}


def address(url: str) -> str:
    """An address to compare: without scheme, "www.", its usual port and the slash at its end; the host in small letters."""
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:  # it is no address; another part says so
        return text
    host = (parts.hostname or "").removeprefix("www.")
    told = "" if port is None or port == _PORTS.get(parts.scheme.lower()) else f":{port}"
    return f"{host}{told}{parts.path.rstrip('/')}"


def origin(url: str, what: str) -> str:
    """Scheme, host and port of an address. Raises Misconfigured, beginning with ``what``, where it is none."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misconfigured(f"{what} must be an address with https://, not {url!r}")
    return f"{parts.scheme}://{parts.netloc}"
