"""Below a list: a channel's owner is asked in a browser, and the answer comes to this machine or is pasted."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from engine.errors import BluebookError, Misconfigured, TryLater
from engine.services import authorise
from engine.services.authorise import Asked
from engine.transports import loopback
from tui import clipboard, words
from tui.plain import many
from tui.widgets.pane import is_text
from tui.widgets.unsaved import UnsavedPane

PASTE = "paste the address the browser ends at, even if it shows an error there"


class OwnerPane(UnsavedPane):
    """The question ``asked`` for the channel whose settings were typed in a form; they are kept until it is answered.

    ``back`` opens that form again, with what went wrong. ``typed`` is how much was written there. ``renews`` is the name of
    the channel where there is one already, which goes on as it is until the answer comes.
    """

    scope = "owner"

    def __init__(
        self, asked: Asked, kind: Any, typed: int, back: Callable[[str], Awaitable[None]], *, renews: str = ""
    ) -> None:
        super().__init__()
        self.renews = renews
        self.asked, self.kind, self.back, self._typed = asked, kind, back, typed
        self.how, self.wrong = f"When it is done, {PASTE}:", ""
        self._listener: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """What is asked and where, how the answer comes back, and a field to paste it into."""
        yield Static("", id="about", markup=False)
        yield Static(Text(words.plain(self.asked.url), overflow="fold"), id="url", markup=False)
        yield Static("", id="how", markup=False)
        yield Input(compact=True, placeholder="https://…?code=…&state=…")
        yield Static("", id="wrong", markup=False)
        leaves = "leaves it as it is" if self.renews else "goes back to the settings"
        yield Static(Text(f" y copies the address   o opens it   Esc {leaves}", "dim"), markup=False)

    async def opened(self) -> None:
        """The field is written, and where the browser comes back by itself it is waited for."""
        whose = f"{words.plain(self.renews)}: " if self.renews else ""
        title = f" {whose}{self.kind.name} asks its owner. Open this where you are logged in there:"
        self.query_one("#about", Static).update(Text(title, "bold"))
        self.query_one(Input).focus()
        if self.asked.returns:
            self.how = f"Waiting for the browser at {self.asked.redirect_uri}. On another machine, {PASTE}:"
            self._listener = self.run_worker(self._wait(), name="owner", exit_on_error=False)
        self.draw()

    def draw(self) -> None:
        """The pane tells the truth again."""
        self.query_one("#how", Static).update(words.plain(self.how))
        wrong = self.query_one("#wrong", Static)
        wrong.update(words.plain(self.wrong))
        wrong.display = bool(self.wrong)

    @property
    def unsaved(self) -> int:
        """What was typed in the form, so that nothing else is opened over it."""
        return self._typed

    def takes_text(self, token: str, event: events.Key) -> bool:
        """All is text, but for the keys about the address as long as nothing is written: an answer begins with neither."""
        return is_text(event) and not (token in ("y", "o") and not self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong is being corrected."""
        event.stop()
        self.wrong = ""
        self.draw()

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        try:
            async with loopback.Redirect(self.asked.state, loopback.PORT) as redirect:
                said = await redirect.wait(authorise.OPEN_FOR.total_seconds())
        except Misconfigured:
            self.how = f"The browser cannot come back here, since port {loopback.PORT} is in use: {PASTE}:"
        except TryLater:
            self.how = "Nobody came back in time: leave by Esc, and have its owner asked anew."
        else:
            self.app.later(functools.partial(self._came, said))
            return
        self.draw()

    async def _came(self, said: Mapping[str, str]) -> None:
        if self.page.pane is self:
            await self._take(said)

    async def act_accept(self) -> None:
        """The channel is added by the answer that was pasted; what is none can be pasted again."""
        text = self.query_one(Input).value
        if not text.strip():
            self.app.say(PASTE)
            return
        try:
            said = authorise.pasted(text)
            authorise.recognise(self.kind, self.asked, said)
        except BluebookError as error:
            self.wrong = error.message
            self.draw()
            return
        await self._take(said)

    async def _take(self, said: Mapping[str, str]) -> None:
        self.app.say(f"asking {self.kind.name} what the answer is worth …")
        try:
            found = await authorise.answer(said, self.app.by)
        except BluebookError as error:
            await self._back(error.message)
            return
        except Exception as error:
            await self._back("")
            self.app.fail(error, f"asking {self.kind.name}")
            return
        await self._stop()
        await self.page.close_pane()
        done = "is let in anew" if self.renews else "is added"
        if found.problem:
            self.app.say(f"{found.name} {done}, but its test failed: {found.problem}", "bad")
        else:
            freed = f"; {many(found.freed, 'waiting order')} go on" if found.freed else ""
            self.app.say(f"{found.name} {done}: {found.answer}{freed}", "good")
        await self.page.reload()

    # --- other keys ---------------------------------------------------------------------------------------------------

    def act_copy_url(self) -> None:
        """The address is on the clipboard where the terminal takes it; it is in sight in any case."""
        clipboard.copy(self.app, self.asked.url, "address")

    def act_open_url(self) -> None:
        """A browser has it, where there is one to see."""
        clipboard.browse(self.app, self.asked.url)

    def resume(self) -> None:
        """The answer is written."""
        self.query_one(Input).focus()

    async def act_leave(self) -> None:
        """Its owner is waited for no more; the settings are as they were typed."""
        await self._back("")
        self.app.say(f"{self.renews} is as it was" if self.renews else "nothing was saved; the settings are still here")

    async def _back(self, wrong: str) -> None:
        await self._stop()
        await self.back(wrong)

    async def _stop(self) -> None:
        """Nothing listens any more, so that it can be asked anew at once."""
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(WorkerCancelled, WorkerFailed, asyncio.CancelledError):
                await self._listener.wait()
