"""The terminal app: it holds the keys, the screens and the live feed; what a screen does is the screen's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.widgets import Input, TextArea

from tui.actions import ACTIONS, Action
from tui.bulk import BulkRun
from tui.keys import Guard, Keymap, shown
from tui.live import Live
from tui.screens.base import BookScreen
from tui.trouble import is_lost, told

if TYPE_CHECKING:
    from engine.services.dashboard import StatusBar
    from engine.services.lifecycle import Actor

T = TypeVar("T")


def doing(holder: object, action_id: str) -> Callable[[], Any] | None:
    """What does the action here: ``act_<id>``, or for ``pick_3`` ``act_pick`` with 3; None where nothing does."""
    found: Callable[..., Any] | None = getattr(holder, f"act_{action_id}", None)
    name, _, number = action_id.rpartition("_")
    if found is None and number.isdecimal():
        numbered: Callable[..., Any] | None = getattr(holder, f"act_{name}", None)
        return None if numbered is None else lambda: numbered(int(number))
    return found


class BluebookApp(App[int]):
    """``by`` acts; ``readonly`` refuses whatever writes. The database must be open around ``run_async``."""

    CSS_PATH = sorted((Path(__file__).parent / "styles").glob("*.tcss"))
    TITLE = "Bluebook"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self, by: Actor, *, readonly: bool = False, keymap: Keymap | None = None, start: str = "queue"
    ) -> None:
        super().__init__()
        self.by, self.readonly, self.start = by, readonly, start
        self.keymap = keymap or Keymap()
        self.guard = Guard()
        self.monotonic: Callable[[], float] = time.monotonic
        self.live = Live(self)
        self.figures: StatusBar | None = None
        self.undoable: list[list[int]] = []
        self.bulk: BulkRun | None = None
        self._strokes: list[str] = []
        self._queue: asyncio.Queue[events.Key | Callable[[], Awaitable[None]]] = asyncio.Queue()

    def on_mount(self) -> None:
        """The first screen is shown; keys and changes are followed from now on."""
        from tui import themes

        themes.register(self)
        self.push_screen(self.make_screen(self.start))
        self.run_worker(self._pump(), name="keys", exit_on_error=True)
        self.run_worker(self.live.run(), name="live", exit_on_error=True)

    def make_screen(self, name: str) -> BookScreen:
        """A new screen of this name."""
        from tui.screens import make

        return make(name)

    @property
    def page(self) -> BookScreen:
        """The screen in front."""
        found = self.screen
        assert isinstance(found, BookScreen)
        return found

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys wait in line: one is done with before the next is looked at, however fast they are typed."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._queue.put_nowait(event)
            return
        await super().on_event(event)

    def on_app_focus(self) -> None:
        """What comes in the next moment was typed for another window."""
        self.guard.focus(self.monotonic())

    def later(self, work: Callable[[], Awaitable[None]]) -> None:
        """The work is done after the keys that wait; for clicks, and for answers to dialogs."""
        self._queue.put_nowait(work)

    def do(self, action_id: str) -> None:
        """The action is done as if its key were pressed; for clicks and the palette."""
        self.later(lambda: self.perform(ACTIONS[action_id]))

    async def idle(self) -> None:
        """Every key that came has been done with."""
        await self._queue.join()

    async def _pump(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                if isinstance(item, events.Key):
                    await self._key(item)
                else:
                    await item()
            except Exception as error:
                self.fail(error, "the last key")
            finally:
                self._queue.task_done()

    async def _key(self, event: events.Key) -> None:
        token = event.character if event.is_printable and event.character not in (None, " ") else event.key
        assert token is not None
        page = self.screen
        if not isinstance(page, BookScreen):  # a dialog of Textual's own
            await super().on_event(event)
            return
        scopes = page.scopes
        typing = isinstance(self.focused, (Input, TextArea)) and page.takes_text(token, event)
        found: Action | bool = False
        if not typing:
            self._strokes.append(token)
            found = self.keymap.find(scopes, self._strokes)
            if found is False and len(self._strokes) > 1:
                self.say(f"{shown(' '.join(self._strokes))} is no key here")
        writes = isinstance(found, Action) and found.writes
        ignored = self.guard.why_ignored(token, self.monotonic(), writes=writes)
        if found is True:
            page.show_strokes(shown(" ".join(self._strokes)) + " …")
            return
        alone, self._strokes = len(self._strokes) == 1, []
        if isinstance(found, Action):
            if ignored:
                self.say(ignored)
                return
            await self.perform(found)
        elif typing or alone:
            await super().on_event(event)
            await self._settled()

    async def _settled(self) -> None:
        """The focused widget has taken the key that was forwarded to it."""
        focused = self.focused or self.screen
        done = asyncio.Event()
        focused.call_next(done.set)
        try:
            await asyncio.wait_for(done.wait(), 1.0)
        except TimeoutError:  # the widget went away with the key
            return

    async def perform(self, action: Action) -> None:
        """The action is done by the pane, screen or app that knows it; where it cannot be, the reason is said."""
        page = self.page
        if action.writes and self.readonly:
            self.say(f"{action.help.partition(':')[0]}: not with --readonly")
            return
        for holder in (*page.holders, self):
            do = doing(holder, action.id)
            if do is None:
                continue
            why_not: Callable[[], str] | None = getattr(holder, f"why_not_{action.id}", None)
            reason = why_not() if why_not is not None else ""
            if reason:
                self.say(reason)
                return
            result = do()
            if isinstance(result, Awaitable):
                await result
            return
        self.say(f"{action.help.partition(':')[0]}: not here")

    # --- saying -------------------------------------------------------------------------------------------------------

    def say(self, text: str, tone: str = "") -> None:
        """A sentence at the foot of the screen, until the next one."""
        if isinstance(self.screen, BookScreen):
            self.screen.show_message(text, tone)

    def say_error(self, text: str) -> None:
        """The same, for what went wrong."""
        self.say(text, "bad")

    def fail(self, error: Exception, doing: str) -> None:
        """The error is told in a sentence; where the database is lost, the banner says so until it is back."""
        text = told(error, doing)
        if is_lost(error) and not self.live.lost:
            self.live.lost = text
            self.database_lost(text)
        self.say_error(text)

    async def attempt(self, work: Awaitable[T], doing: str) -> T | None:
        """What the service answers; None where it failed, which has then been told."""
        try:
            found = await work
        except Exception as error:
            self.fail(error, doing)
            return None
        self.live.hasten()
        return found

    # --- live ---------------------------------------------------------------------------------------------------------

    def _pages(self) -> list[BookScreen]:
        return [screen for screen in self.screen_stack if isinstance(screen, BookScreen)]

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """Every screen is told what changed; those behind read again when they come to the front."""
        for page in self._pages():
            await page.changed(order_ids, settings=settings)

    def show_figures(self, figures: StatusBar) -> None:
        """The status bar's figures are these."""
        self.figures = figures
        for page in self._pages():
            page.show_figures(figures)

    def database_lost(self, why: str) -> None:
        """A banner says so on every screen; what is on the screen stays."""
        for page in self._pages():
            page.show_banner(f"{why} — trying again; nothing you see is live")

    async def database_back(self) -> None:
        """The banner goes, and everything is read again."""
        for page in self._pages():
            page.show_banner("")
            await page.reload()
        self.say("the database is back", "good")

    # --- many at once ---------------------------------------------------------------------------------------------------

    def begin_bulk(self, order_ids: Sequence[int]) -> BulkRun:
        """These orders are held one after the other, whatever screen is in front."""
        self.bulk = BulkRun(self, order_ids)
        self.undoable.append(list(order_ids))
        self.run_worker(self.bulk.run(), name="bulk")
        return self.bulk

    def bulk_moved(self) -> None:
        """It went on: who shows it shows it anew."""
        self.live.hasten()
        for page in self._pages():
            page.bulk_moved()

    # --- actions that hold everywhere -----------------------------------------------------------------------------------

    async def act_back(self) -> None:
        """The screen in front is left; the first one stays."""
        if len(self._pages()) > 1:
            await self.pop_screen()
            await self.page.resumed()
        else:
            self.say(":q quits")

    async def act_quit(self) -> None:
        """The app ends; whatever is held stays held, and workers go on."""
        if self.bulk is not None and not self.bulk.over:
            left = len(self.bulk.order_ids) - len(self.bulk.outcomes)
            self.bulk.stop("quitting")
            self.say(f"stopped: {left:,} orders stay ready and marked ones are sent; quit again to leave", "warn")
            return
        self.exit(0)

    async def go(self, name: str) -> None:
        """This screen is the only one, but for the queue below it."""
        while len(self._pages()) > 1:
            await self.pop_screen()
        if self.page.name != name:
            await self.push_screen(self.make_screen(name))
        else:
            await self.page.resumed()

    async def act_go_queue(self) -> None:
        await self.go("queue")

    async def act_go_history(self) -> None:
        await self.go("history")

    async def act_go_jobs(self) -> None:
        await self.go("jobs")

    async def act_go_channels(self) -> None:
        await self.go("channels")

    async def act_go_suppliers(self) -> None:
        await self.go("suppliers")

    async def act_go_mappings(self) -> None:
        await self.go("mappings")
