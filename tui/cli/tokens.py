"""``bluebook tokens``: what programs call the REST API with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tui.cli.command import Noun, by, confirm
from tui.cli.output import Column, Shown, listing, said
from tui.plain import ago

if TYPE_CHECKING:
    from engine.services.tokens import TokenView

noun = Noun("tokens", "Tokens with which programs call the REST API.")
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

TOKENS = [
    Column("TOKEN", lambda t: t.id, right=True),
    Column("NAME", lambda t: t.name, give=True),
    Column("USER", lambda t: t.user, give=True),
    Column("ROLE", lambda t: t.role),
    Column("SCOPES", lambda t: " ".join(t.scopes), give=True),
    Column("BEGINS", lambda t: f"{t.hint}…"),
    Column("USED", lambda t: ago(t.last_used_at), right=True),
    Column("ENDS", lambda t: ago(t.expires_at), right=True),
    Column("STATE", lambda t: t.state),
]


@noun.command("ls", "bluebook tokens ls", "bluebook tokens ls --all", reads=True)
async def ls(
    user: Annotated[str | None, typer.Argument(help="Of this user only.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Those that are revoked or have expired too.")] = False,
) -> Shown:
    """List the tokens with what they may; the tokens themselves nobody can look up again."""
    from engine.services import tokens

    found = [token for token in await tokens.tokens(user) if all or token.state == "ok"]
    empty = "no tokens yet; `bluebook tokens add USER NAME --scope orders:read` makes one"
    return listing("tokens", found, TOKENS, empty=empty)


@noun.command(
    "add",
    "bluebook tokens add dana warehouse --scope orders:read --scope orders:write",
    "bluebook tokens add dana import --scope orders:push --days 90",
)
async def add(
    user: Annotated[str, typer.Argument(help="Whose token it is: it may no more than their role allows.")],
    name: Annotated[str, typer.Argument(help="What uses it, as in warehouse.")],
    scope: Annotated[list[str], typer.Option("--scope", help="What it is for; may be given several times.")],
    days: Annotated[int, typer.Option(min=0, help="How long it lasts; 0: until it is revoked.")] = 365,
) -> Shown:
    """Make a token and print it, once: it is kept by whoever reads it now, and here only its hash is.

    Scopes: orders:read, orders:write (process, edit, resolve …), orders:push (new orders into a channel of files),
    catalog:read, catalog:write (products, offers, mappings), settings:read, settings:write (ask channels and suppliers now).
    """
    from engine.services import tokens

    token, made = await tokens.add(user, name, scope, by(), days=days)
    ends = f"ends on {made.expires_at:%d %B %Y}" if made.expires_at is not None else "does not end"
    remark = (
        f"token {made.id}, {made.name}, acts as {made.user} ({made.role}) within {' '.join(made.scopes)} and {ends}; it is "
        "not shown again"
    )
    return Shown({"token": token, **_told(made)}, lambda paper: paper.line(token), remarks=[remark])


@noun.command("revoke", "bluebook tokens revoke 3", "bluebook tokens revoke 3 --yes")
async def revoke(
    token: Annotated[int, typer.Argument(help="Its number in `bluebook tokens ls`.")], yes: Yes = False
) -> Shown:
    """Revoke a token: the next call with it is turned away."""
    from engine.services import tokens

    known = await tokens.token_view(token)
    await confirm(f"Revoke {known.name} of {known.user}?", yes)
    gone = await tokens.revoke(token, by())
    return said(f"token {gone.id}, {gone.name} of {gone.user}, is revoked", **_told(gone))


def _told(token: TokenView) -> dict[str, object]:
    return {"id": token.id, "name": token.name, "user": token.user, "scopes": token.scopes, "ends": token.expires_at}
