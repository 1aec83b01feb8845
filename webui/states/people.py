"""What the pages about people have in common: sessions, and roles in words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import roles
from engine.domain.roles import WHAT, Permission, Role
from engine.services import sessions
from webui import words


@dataclass
class SessionRow:
    """Where someone is logged in. ``mine``: it is the session that this page belongs to."""

    id: int = 0
    device: str = ""
    address: str = ""
    since: str = ""
    since_iso: str = ""
    seen: str = ""
    seen_iso: str = ""
    mine: bool = False


async def sessions_of(user_id: int, zone: str, mine: int = 0) -> list[SessionRow]:
    """Where the user is logged in, in the words and the zone of who looks."""
    return [
        SessionRow(
            s.id, words.device(s.agent), words.plain(s.address) or "unknown", words.day_and_time(s.created_at, zone),
            words.iso(s.created_at), _ago(words.ago(s.seen_at)), words.iso(s.seen_at), s.id == mine,
        )
        for s in await sessions.sessions(user_id)
    ]  # fmt: skip


def _ago(span: str) -> str:
    return "now" if span.endswith(" s") else span if span == "never" else f"{span} ago"


def seen(moment: object) -> str:
    """When someone was last here: ``now``, ``3 h ago``, ``never``."""
    return _ago(words.ago(moment))  # type: ignore[arg-type]


def what(role: Role) -> str:
    """What the role adds to the one before it, in a sentence; what a viewer may, for the first."""
    own = [WHAT[p] for p in Permission if roles.LEAST[p] == role]
    said = ", ".join(own[:-1]) + (" and " if len(own) > 1 else "") + own[-1]
    order = list(Role)
    before = order[order.index(role) - 1] if role != order[0] else None
    return f"{said[:1].upper()}{said[1:]}" if before is None else f"All that {_a(before)} may, and {said}"


def _a(role: Role) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role.value}"
