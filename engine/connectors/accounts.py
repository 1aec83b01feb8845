"""Whether the settings of two channels lead to the same account: what is written differently may mean the same."""

from __future__ import annotations

from urllib.parse import urlsplit

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
