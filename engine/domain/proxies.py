"""Who asked, where proxies of our own stand in front."""

from __future__ import annotations

import ipaddress


def behind(forwarded: str, hops: int) -> str:
    """The address the last of ``hops`` proxies saw, from X-Forwarded-For; "" where it does not say.

    What stands before that in the header anybody can write.
    """
    seen = [part.strip() for part in forwarded.split(",") if part.strip()]
    if not hops or len(seen) < hops:
        return ""
    try:
        return str(ipaddress.ip_address(seen[-hops]))
    except ValueError:
        return ""


def network(address: str) -> str:
    """What is counted as one visitor: who has an IPv6 address has a /64 of them."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
