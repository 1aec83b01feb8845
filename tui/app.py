"""The terminal app: it holds the keys, the screens and the live feed; what a screen does is the screen's."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.widgets import Input, TextArea

from tui import commands, keys_file, themes, views
from tui.actions import ACTIONS, Action
from tui.bulk import BulkRun
from tui.keys import REPEAT_SECONDS, Guard, Keymap, shown
from tui.live import Live
from tui.screens.base import BookScreen
from tui.screens.listing import ListingScreen, help_rows
from tui.trouble import is_lost, told
from tui.undo import Steps
from tui.widgets.command import CommandPane
from tui.widgets.rows import Column
from tui.widgets.unsaved import UnsavedPane

if TYPE_CHECKING:
    from engine.services.dashboard import StatusBar
    from engine.services.lifecycle import Actor

T = TypeVar("T")
MOST_SAID = 200
LOW, TINY = 22, 11
"""Lines of a terminal below which the preview is short, and below which only the list is there."""
HINT = "p process · r resolve · u undo · b blue book · ? all keys"


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
        self, by: Actor, *, readonly: bool = False, keymap: Keymap | None = None, start: str = "queue", view: str = "",
        notes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.by, self.readonly, self.start = by, readonly, start
        self.view, self.notes = view, tuple(notes)
        self.keymap = keymap or Keymap()
        self.guard = Guard()
        self.monotonic: Callable[[], float] = time.monotonic
        self.arrival: Callable[[events.Event], float] = lambda event: event.time
        self._came = float("-inf")
        self._waiting: deque[float] = deque()
        self.live = Live(self)
        self.figures: StatusBar | None = None
        self.done = Steps(self)
        self.said: deque[tuple[str, str]] = deque(maxlen=MOST_SAID)
        self.bulk: BulkRun | None = None
        self._strokes: list[str] = []
        self._queue: asyncio.Queue[tuple[float, events.Key | Callable[[], Awaitable[None]]]] = asyncio.Queue()

    async def on_mount(self) -> None:
        """The first screen is shown; keys and changes are followed from now on."""
        themes.register(self)
        await self.push_screen(self.make_screen(self.start))
        self.later(self._welcome)
        self.run_worker(self._pump(), name="keys", exit_on_error=True)
        self.run_worker(self.live.run(), name="live", exit_on_error=True)

    async def _welcome(self) -> None:
        """What is wrong with the keys is said; whoever is here for the first time is told five keys, once."""
        if self.view:
            await commands.show_view(self, self.view)
        for sentence in self.notes:
            self.say(sentence, "warn")
        remembered = views.load()
        if not remembered.hinted and not self.readonly:
            self.say(HINT, "good")
            views.keep(msgspec.structs.replace(remembered, hinted=True))

    def on_resize(self, event: events.Resize) -> None:
        """Where there is little room the list comes first."""
        self.set_class(event.size.height < LOW, "low")
        self.set_class(event.size.height < TINY, "tiny")

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
        """Keys wait in line: one is done with before the next is looked at, however fast they are typed.

        The guards go by when a key came, not by when its turn came: behind a slow one, a paste would look like typing.
        """
        if isinstance(event, events.Key) and not event.is_forwarded:
            came = self.arrival(event)
            self._waiting.append(came)
            self._queue.put_nowait((came, event))
            return
        await super().on_event(event)

    def on_app_focus(self, event: events.AppFocus) -> None:
        """What comes in the next moment was typed for another window."""
        self.guard.focus(self.arrival(event))

    def asks(self) -> None:
        """A question is on the screen now, by the key that is being done with: no key that came with it answers it."""
        self.guard.ask(self._came)

    def saw(self, since: float) -> bool:
        """Could whoever pressed the key that is being done with have seen what is on the screen since then?"""
        return self._came - since >= REPEAT_SECONDS

    async def followed(self) -> bool:
        """Did another key come right behind the one that is being done with, as no person's does?"""
        await asyncio.sleep(REPEAT_SECONDS)
        queued = asyncio.Event()
        if self.call_later(queued.set):  # where the machine does not keep up, keys that came are not in line yet
            await queued.wait()
        return bool(self._waiting) and self._waiting[0] - self._came < REPEAT_SECONDS

    def later(self, work: Callable[[], Awaitable[None]]) -> None:
        """The work is done after the keys that wait; for clicks, and for answers to dialogs."""
        self._queue.put_nowait((self.monotonic(), work))

    def do(self, action_id: str) -> None:
        """The action is done as if its key were pressed; for clicks and the palette."""
        self.later(lambda: self.perform(ACTIONS[action_id]))

    async def idle(self) -> None:
        """Every key that came has been done with."""
        await self._queue.join()

    async def _pump(self) -> None:
        while True:
            self._came, item = await self._queue.get()
            try:
                if isinstance(item, events.Key):
                    self._waiting.popleft()
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
        answers = isinstance(found, Action) and found.answers and page.asks
        ignored = self.guard.why_ignored(token, self._came, writes=writes, answers=answers)
        if found is True:
            page.show_strokes(shown(" ".join(self._strokes)) + " …")
            return
        alone, self._strokes = len(self._strokes) == 1, []
        if isinstance(found, Action):
            if ignored:
                self.say(ignored)
                return
            if not alone:
                page.show_strokes("")  # they are complete
            await self.perform(found)
        elif page.scopes[0] == "confirm" and event.is_printable:
            self.say(f"{shown(token)} is no answer here: y says yes, Esc no")
        elif typing or alone:
            await super().on_event(event)
            await self._settled()

    async def _settled(self) -> None:
        """The focused widget has taken the key that was forwarded to it."""
        focused = self.focused or self.screen
        done = asyncio.Event()
        focused.call_next(done.set)
        try:
            async with asyncio.timeout(1.0):
                await done.wait()
        except TimeoutError:  # the widget went away with the key
            return

    def why_not(self, action: Action) -> str:
        """Why the action cannot be done now, "" where it can."""
        if action.writes and self.readonly:
            return f"{action.help.partition(':')[0]}: not with --readonly"
        for holder in (*self.page.holders, self):
            if doing(holder, action.id) is not None:
                reason: Callable[[], str] | None = getattr(holder, f"why_not_{action.id}", None)
                return reason() if reason is not None else ""
        return f"{action.help.partition(':')[0]}: not here"

    async def perform(self, action: Action) -> None:
        """The action is done by the pane, screen or app that knows it; where it cannot be, the reason is said."""
        reason = self.why_not(action)
        if reason:
            self.say(reason)
            return
        do = next(filter(None, (doing(holder, action.id) for holder in (*self.page.holders, self))))
        result = do()
        if isinstance(result, Awaitable):
            await result

    # --- saying -------------------------------------------------------------------------------------------------------

    def say(self, text: str, tone: str = "") -> None:
        """A sentence at the foot of the screen, until the next one; all that was said can be read again."""
        self.said.append((datetime.now().astimezone().strftime("%H:%M:%S"), text))
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

    async def read_again(self) -> None:
        """Every screen shows what is there now."""
        for page in self._pages():
            await page.reload()

    async def database_back(self) -> None:
        """The banner goes, and everything is read again."""
        for page in self._pages():
            page.show_banner("")
        await self.read_again()
        self.say("the database is back", "good")

    # --- many at once ---------------------------------------------------------------------------------------------------

    def begin_bulk(self, order_ids: Sequence[int]) -> BulkRun:
        """These orders are held one after the other, whatever screen is in front."""
        self.bulk = BulkRun(self, order_ids)
        self.done.held(order_ids, self.bulk)
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
        if self._unsaved():
            return
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

    def _unsaved(self) -> bool:
        """Is something typed that would be lost? Then that is said."""
        pane = self.page.pane
        unsaved = isinstance(pane, UnsavedPane) and pane.unsaved > 0
        if unsaved:
            self.say("what was typed is not saved yet: Enter saves it, Esc leaves it", "warn")
        return unsaved

    async def act_command(self) -> None:
        """A command is typed."""
        await self.page.open_pane(CommandPane(commands.entries(self, all_actions=False), exact=True))

    async def act_palette(self) -> None:
        """Anything is found by some of its letters, an order by its number."""
        if self._unsaved():
            return
        other = functools.partial(commands.order_if_there, self)
        await self.page.open_pane(CommandPane(commands.entries(self, all_actions=True), exact=False, other=other))

    async def act_help(self) -> None:
        """The keys that hold here."""
        rows = help_rows(self.keymap, self.page.scopes)
        columns = (Column("KEY", 12), Column("DOES", 28, 3), Column("COMMAND", 16, 1), Column("", 7))
        await self.push_screen(ListingScreen(f"Keys here (/ narrows; others in {keys_file.path()})", columns, rows))

    async def act_messages(self) -> None:
        """What was said in this session."""
        columns = (Column("TIME", 8), Column("SAID", 40, 1))
        await self.push_screen(ListingScreen("Said in this session", columns, list(self.said), to_end=True))

    async def act_held(self) -> None:
        await commands.show_held(self)

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
