"""How the command line lets Bluebook into a channel: what is needed is said and asked for, and the owner's yes is waited for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from tui.cli import asking
from tui.plain import words

NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address; open it yourself.")]
Paste = Annotated[
    bool, typer.Option("--paste", help="Paste the address the browser ends at, instead of being called back here.")
]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="The port of this machine to be called back at.")]
RedirectUri = Annotated[
    str, typer.Option(metavar="URL", help="The redirect address registered there, where it is not on this machine.")
]
Wait = Annotated[float, typer.Option(min=1, help="Seconds to wait for the owner's yes.")]


class Way:
    """How the answer comes back."""

    def __init__(self, *, no_browser: bool, paste: bool, port: int, redirect_uri: str, wait: float) -> None:
        self.no_browser, self.port, self.redirect_uri, self.wait = no_browser, port, redirect_uri.strip(), wait
        self.paste = paste or bool(self.redirect_uri)


def explain(kind: Any, needed: Sequence[str], redirect_uri: str = "") -> None:
    """What is needed, what for, and where to get it, is on stderr."""
    from engine.ports_channels import Scoped

    listed = ", ".join(words(name) for name in needed)
    say(f"{kind.name} needs: {listed}" if needed else f"{kind.name} has what it needs to be asked")
    if isinstance(kind, Scoped) and kind.scopes:
        say(f"  for the scopes: {' '.join(kind.scopes)}")
    if redirect_uri:
        say(f"  with the redirect address: {redirect_uri}")
    if kind.docs_url:
        say(f"  described at: {kind.docs_url}")


def say(text: str) -> None:
    """A line for whoever sits there; stdout is for the result."""
    from tui.plain import clean

    print(clean(text), file=sys.stderr, flush=True)


def ask_for(kind: Any, values: dict[str, Any], names: Sequence[str]) -> None:
    """Those of the settings that are missing are asked for, secrets without echo, where somebody can be asked."""
    if not sys.stdin.isatty():
        return
    for name in names:
        if values.get(name) in (None, ""):
            values[name] = asking.text(words(name), hidden=name in kind.secret_fields)


async def let_in(kind: Any, values: dict[str, Any], way: Way) -> dict[str, Any]:
    """The settings that the owner's yes is worth, once it was waited for. What it needs is asked for first."""
    from engine.services import authorise
    from engine.transports import loopback

    authorise.demand(kind)
    explain(kind, authorise.needs(kind, values), way.redirect_uri or loopback.address(way.port or loopback.PORT))
    ask_for(kind, values, list(kind.authorise_needs))
    state = authorise.new_state()
    if not way.paste:
        async with loopback.Redirect(state, way.port) as redirect:
            asked = authorise.begin(kind, values, redirect.uri, state)
            if asked.returns:
                await _open(kind, asked.url, way)
                say(f"waiting for the answer at {redirect.uri} …")
                return await _finished(kind, asked, await redirect.wait(way.wait))
    asked = authorise.begin(kind, values, way.redirect_uri or loopback.address(way.port or loopback.PORT), state)
    await _open(kind, asked.url, way)
    say(
        "When it is done, the browser is sent on, perhaps to a page that cannot be shown. Paste that page's address here:"
    )
    line = asking.line()
    return await _finished(kind, asked, authorise.pasted(line))


async def _finished(kind: Any, asked: Any, answer: Mapping[str, str]) -> dict[str, Any]:
    from engine.services import authorise

    return {**await authorise.finish(kind, asked, answer)}


async def _open(kind: Any, url: str, way: Way) -> None:
    """The owner sees the question: a browser has it, or the address is there to be opened."""
    import webbrowser

    shown = not way.no_browser and await asyncio.to_thread(webbrowser.open, url)
    say(f"{'A browser shows' if shown else 'Open in a browser'} where {kind.name} asks its owner:")
    say(f"  {url}")
