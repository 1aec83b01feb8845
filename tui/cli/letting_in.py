"""How the command line lets Bluebook into a channel: what is needed is said and asked for, and the owner's yes is waited for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
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
TRIES = 3
"""So often the answers are asked for that do not stand together."""
Wait = Annotated[float, typer.Option(min=1, help="Seconds to wait for the owner's yes.")]


class Way:
    """How the answer comes back."""

    def __init__(self, *, no_browser: bool, paste: bool, port: int, redirect_uri: str, wait: float) -> None:
        self.no_browser, self.port, self.redirect_uri, self.wait = no_browser, port, redirect_uri.strip(), wait
        self.paste = paste or bool(self.redirect_uri)


async def way_in(kind: Any, values: Mapping[str, Any], by_owner: bool | None) -> tuple[bool, tuple[str, ...]]:
    """Is the owner to be asked in a browser, and which settings let us in otherwise, beside those that are required?

    Where there are several ways and nothing that is given decides, somebody at a terminal is asked.
    """
    from engine.ports_channels import HasWaysIn
    from engine.services import authorise

    if by_owner or (by_owner is None and authorise.must_ask(kind, values)):
        return True, ()
    ways = kind.ways_in if isinstance(kind, HasWaysIn) else ()
    if not ways or not sys.stdin.isatty() or any(all(values.get(name) for name in way) for way in ways):
        return False, ()
    choices = [" and ".join(words(name) for name in way) for way in ways]
    if by_owner is None and authorise.asks_owner(kind):
        choices.append(
            f"its owner's yes in a browser, for which it needs {', '.join(map(words, kind.authorise_needs))}"
        )
    say(f"{kind.name} lets Bluebook in by:")
    picked = await asking.number(choices)
    return (False, ways[picked]) if picked < len(ways) else (True, ())


def explain(kind: Any, needed: Sequence[str], redirect: str = "") -> None:
    """What is needed, what for, and where to get it, is on stderr."""
    from engine.ports_channels import Scoped

    listed = ", ".join(words(name) for name in needed)
    say(f"{kind.name} needs: {listed}" if needed else f"{kind.name} has what it needs to be asked")
    if isinstance(kind, Scoped) and kind.scopes:
        say(f"  for the scopes: {' '.join(kind.scopes)}")
    if redirect:
        say(f"  with the redirect address: {redirect}")
    if kind.docs_url:
        say(f"  described at: {kind.docs_url}")


def say(text: str) -> None:
    """A line for whoever sits there; stdout is for the result."""
    from tui.plain import clean

    print(clean(text), file=sys.stderr, flush=True)


async def ask_for(kind: Any, values: dict[str, Any], names: Sequence[str], stands: Callable[[], object]) -> None:
    """Those of the settings that are missing are asked for, secrets without echo, where somebody can be asked.

    What a setting cannot be is asked for again, and so are all where they do not ``stand`` together, which raises then.
    """
    from engine.errors import Invalid, Misconfigured

    missing = [name for name in names if values.get(name) in (None, "")] if sys.stdin.isatty() else []
    for left in reversed(range(TRIES)):
        for name in missing:
            values[name] = await _asked(kind, name)
        try:
            stands()
        except (Invalid, Misconfigured) as error:
            if not missing or not left:  # what was given may be wrong, which no answer mends
                raise
            say(f"{error.message}. Once more:")
        else:
            return


async def _asked(kind: Any, name: str) -> Any:
    """What was typed for the setting, as soon as it is something the setting can be."""
    from engine.errors import Misconfigured
    from engine.services import authorise

    while True:
        text = await asking.text(words(name), hidden=name in kind.secret_fields)
        for value in (text, asking.typed(text)):
            try:
                authorise.check_setting(kind, name, value)
            except Misconfigured as error:
                wrong = error.message
            else:
                return value
        say(wrong)


async def let_in(kind: Any, values: dict[str, Any], way: Way) -> dict[str, Any]:
    """The settings that the owner's yes is worth, once it was waited for. What it needs is asked for first."""
    from engine.services import authorise
    from engine.transports import loopback

    authorise.demand(kind)
    state, back = authorise.new_state(), way.redirect_uri or loopback.address(way.port or loopback.PORT)
    there = "the one that is registered with the app there"
    explain(kind, authorise.needs(kind, values), back if authorise.comes_back(kind, values) else there)
    await ask_for(kind, values, kind.authorise_needs, lambda: authorise.begin(kind, values, back, state))
    asked = authorise.begin(kind, values, back, state)
    if asked.returns and not way.paste:
        async with loopback.Redirect(state, way.port) as redirect:
            asked = authorise.begin(kind, values, redirect.uri, state)
            await _open(kind, asked.url, way)
            say(f"waiting for the answer at {redirect.uri} …")
            return await _finished(kind, asked, await redirect.wait(way.wait))
    await _open(kind, asked.url, way)
    say(
        "When it is done, the browser is sent on, perhaps to a page that cannot be shown. Paste that page's address here:"
    )
    return await _finished(kind, asked, await _pasted(kind, asked))


async def _pasted(kind: Any, asked: Any) -> dict[str, str]:
    """The answer in the address that was pasted. Somebody who sits there may paste another where it is not the one."""
    from engine.errors import Invalid, NotAuthorised
    from engine.services import authorise

    while True:
        line = await asking.line()
        try:
            answer = authorise.pasted(line)
            authorise.recognise(kind, asked, answer)
        except (Invalid, NotAuthorised) as error:
            if not line or not sys.stdin.isatty():
                raise
            say(f"{error.message}. Paste it here:")
        else:
            return answer


async def _finished(kind: Any, asked: Any, answer: Mapping[str, str]) -> dict[str, Any]:
    from engine.services import authorise

    return {**await authorise.finish(kind, asked, answer)}


async def _open(kind: Any, url: str, way: Way) -> None:
    """The owner sees the question: a browser has it, or the address is there to be opened."""
    import webbrowser

    shown = not way.no_browser and await asyncio.to_thread(webbrowser.open, url)
    say(f"{'A browser shows' if shown else 'Open in a browser'} where {kind.name} asks its owner:")
    say(f"  {url}")
