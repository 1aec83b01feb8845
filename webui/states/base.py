"""What every page knows, and the one way to declare what can be done: ``on(permission)``.

Hiding a button protects nothing, so each handler asks, on the server and each time, whether the session still holds and the
role allows it. What goes wrong is told in a sentence; no traceback reaches a person, every one reaches the log.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import reflex as rx
import structlog
from reflex.state import _override_base_method

from engine.domain import roles
from engine.domain.roles import Permission
from engine.services import sessions, trouble
from engine.services.lifecycle import Actor
from engine.services.sessions import Person
from webui import links, live, words
from webui.gate import token_of

log = structlog.get_logger("bluebook.web")
NOTICE_SECONDS = 12.0
ARRIVED_SECONDS = 4.0
"""So long a notice is taken along to the page that opens: what is done there may end in opening it."""
MOST_NOTICES = 3
WAIT_SECONDS = 5.0
_numbers = itertools.count(1)

HANDLERS: dict[str, Permission] = {}
"""Every handler there is, by its state's name and its own, with what it needs; a test goes through them."""
PAGES: dict[str, Any] = {}
"""Which handler of a page is told what changed: ``heard(order_ids, settings)`` by the page's name, ``name/*`` for those below."""
BESIDE: list[Any] = []
"""The handlers of what can stand beside any page; told only when the order it shows (``_beside``) changed."""


@dataclass
class Notice:
    """A sentence at the foot of the page. tone: good, bad or "". ``undo``: the order that can be taken back from here."""

    id: int
    text: str
    tone: str = ""
    undo: int = 0
    at: float = 0.0


@dataclass
class Figures:
    """What the head of every page counts."""

    ready: int = 0
    resolve: int = 0
    failed: int = 0
    held: int = 0
    sent_today: int = 0
    workers: int = 0
    workers_dead: int = 0


@dataclass
class HeldOrder:
    """An order that is sent at ``at`` unless it is taken back."""

    id: int = 0
    number: str = ""
    href: str = ""
    at: str = ""


MOST_DIGITS = 19
"""Numbers with fewer digits fit into a column of either database."""
MOST_HELD = 12
"""Held orders that are shown; how many there are is counted."""


def unexpected(error: BaseException, doing: str) -> str:
    log.error("unexpected", doing=doing, exc_info=error)
    return "the log has the details"


def on(permission: Permission | None = None, *, background: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """The method handles an event of those who may; ``self.by`` is then who acts. None: of those who ``_may_change`` says,
    which is for a mixin's methods: each state made of it has them, and says who may.

    Whoever may not is told so and it is logged; whoever is logged out is asked to log in. Errors become notices.
    """

    def declare(fn: Callable[..., Any]) -> Any:
        if inspect.isasyncgenfunction(fn):

            @functools.wraps(fn)
            async def handler(self: Book, *args: Any, **named: Any) -> Any:
                if not await _admits(self, permission, fn.__name__, background):
                    return
                try:
                    async for item in fn(self, *args, **named):
                        yield item
                except Exception as error:
                    await _tell(self, error, fn.__name__, background)

        else:

            @functools.wraps(fn)
            async def handler(self: Book, *args: Any, **named: Any) -> Any:
                if not await _admits(self, permission, fn.__name__, background):
                    return None
                try:
                    found = fn(self, *args, **named)
                    return await found if inspect.isawaitable(found) else found
                except Exception as error:
                    return await _tell(self, error, fn.__name__, background)

        made = rx.event(background=background)(handler)
        made.needs = permission
        return made

    return declare


async def _admits(state: Book, permission: Permission | None, doing: str, background: bool) -> bool:
    """May the person? Where not, the page is told. A forged event ends here."""
    permission, handler = permission or state._may_change, f"{state.__class__.__name__}.{doing}"
    try:
        person = await sessions.person_of(token_of(state.router.headers.cookie))
    except Exception as error:
        await _tell(state, error, doing, background)
        return False
    reason = roles.why_not(person.role, permission) if person is not None else "nobody is logged in"
    if reason:
        who, role = (person.name, person.role.value) if person is not None else ("nobody", "")
        log.warning("refused an event", handler=handler, person=who, role=role)
    async with _locked(state, background):
        if person is None:
            # The page leaves the app for the log-in page by itself (static/bluebook.js).
            state.logged_out = True
            return False
        state._know(person)
        if reason:
            state.say(words.sentence(reason), "bad")
    return not reason


async def _tell(state: Book, error: Exception, doing: str, background: bool) -> None:
    if trouble.is_lost(error):
        async with _locked(state, background):
            state.lost = live.LOST
        return
    sentence, _ = trouble.explain(error, doing.replace("_", " "), unexpected)
    async with _locked(state, background):
        state.say(words.sentence(sentence), "bad")


class _locked:  # noqa: N801 - reads like a keyword
    """A background handler changes the state within ``async with``; any other holds it already."""

    def __init__(self, state: Book, background: bool) -> None:
        self.state, self.background = state, background

    async def __aenter__(self) -> None:
        if self.background:
            await self.state.__aenter__()

    async def __aexit__(self, *raised: object) -> None:
        if self.background:
            await self.state.__aexit__(*raised)


class Book(rx.State):
    """What every page knows: who looks, what was said, the counts in the head, whether the database answers."""

    name: str = ""
    role: str = ""
    zone: str = "UTC"
    may: dict[str, bool] = {p.value: False for p in Permission}
    notices: list[Notice] = []
    figures: Figures = Figures()
    held: list[HeldOrder] = []
    lost: str = ""
    logged_out: bool = False
    section: str = ""
    _person: Person | None = None
    _beside: int = 0
    visit: int = 0
    """Counts the addresses that were opened: a dialog belongs to the visit it was opened in."""
    _where: str = ""

    _may_change: ClassVar[Permission]
    """Who may change what a page of settings is about."""

    @staticmethod
    @_override_base_method
    def _item_is_event_handler(name: str, value: Any) -> bool:
        """Only what ``on`` declared is a handler. To Reflex every public method is one, and pages can name any."""
        return rx.State._item_is_event_handler(name, value) and hasattr(value, "needs")

    @classmethod
    @_override_base_method
    def _create_event_handler(cls, fn: Any, **options: Any) -> Any:
        """What becomes a handler is known with what it needs, a mixin's as that of each state made of it."""
        HANDLERS[f"{cls.__name__}.{fn.__name__}"] = fn.needs or cls._may_change
        return super()._create_event_handler(fn, **options)

    @classmethod
    @_override_base_method
    def _create_setvar(cls) -> None:
        """No page sets a value by its name."""

    @property
    def person(self) -> Person:
        """Who looks, as the server knows since this event began."""
        assert self._person is not None
        return self._person

    @property
    def by(self) -> Actor:
        """Who acts, as the blue book names them."""
        return self.person.actor(f"web:{self.section}")

    def say(self, text: str, tone: str = "", undo: int = 0, *, here: bool = False) -> None:
        """A sentence at the foot of the page; the oldest gives way, and the same said before. ``here``: on no other page."""
        text = words.plain(text)  # channels, suppliers and customers are named in it, as they call themselves
        others = [notice for notice in self.notices if notice.text != text]
        self.notices = [*others, Notice(next(_numbers), text, tone, undo, 0.0 if here else time.monotonic())][
            -MOST_NOTICES:
        ]

    def _forget(self, *, opened: bool = False) -> None:
        """Notices that have been there long enough are gone; on a page that was just ``opened`` all but the last moment's.

        What went wrong stays on its page until it is dismissed, what can be taken back on all pages as long as it can.
        """
        now = time.monotonic()
        kept = [
            notice for notice in self.notices
            if now - notice.at < (ARRIVED_SECONDS if opened and not notice.undo else NOTICE_SECONDS)
            or (notice.tone == "bad" and not opened)
        ]  # fmt: skip
        if len(kept) != len(self.notices):
            self.notices = kept

    def _know(self, person: Person) -> None:
        """The page shows what this person may, also where that has changed since it was opened."""
        self._person = person
        if (self.name, self.role, self.zone) != (person.name, person.role.value, person.timezone):
            self.name, self.role, self.zone = person.name, person.role.value, person.timezone
            self.may = {p.value: person.may(p) for p in Permission}

    @on(Permission.VIEW)
    def dismiss(self, number: int) -> None:
        """The notice has been read."""
        self.notices = [notice for notice in self.notices if notice.id != number]

    @on(Permission.VIEW)
    def enter(self) -> Any:
        """A page was opened: whose it is, and its news are followed from now on."""
        self.logged_out = False
        self.visit += 1
        self.section, _, rest = self.router.url.path.strip("/").partition("/")
        self.section = self.section or "dashboard"
        self._where = f"{self.section}/*" if rest else self.section
        self.lost = live.FOLLOWER.lost
        self._forget(opened=True)
        if strange := links.strange(self._where, self.params):
            self.say(words.sentence(strange), "bad", here=True)
        self._count()
        return Book.follow

    @on(Permission.VIEW, background=True)
    async def follow(self) -> Any:
        """What changes anywhere is told to the page that is open, until the tab goes away."""
        async with self:
            tab = self.router.session.client_token
        turn, seen = live.take_over(tab), live.FOLLOWER.upto
        while live.is_current(tab, turn) and live.is_open(tab):
            news = await live.FOLLOWER.wait(seen, WAIT_SECONDS)
            if not live.is_current(tab, turn):
                return
            async with self:
                self._forget()
            if news.upto != seen or news.lost:
                seen = news.upto
                yield Book.hear(news.orders, news.settings or news.all, news.lost)
        live.leave(tab, turn)

    @on(Permission.VIEW)
    def hear(self, order_ids: list[int], everything: bool, lost: str) -> Any:
        """Something changed: the head counts anew, and the page that is open looks at what concerns it."""
        back = bool(self.lost) and not lost
        if self.lost != lost:
            self.lost = lost
        self._count()
        if lost or not (order_ids or everything or back):
            return None
        everything = everything or back
        heard, told = PAGES.get(self._where), []
        if heard is not None and self.person.may(HANDLERS[heard.fn.__qualname__]):
            told.append(heard(order_ids, everything))
        if self._beside and (everything or self._beside in order_ids):
            told += [beside(order_ids, everything) for beside in BESIDE]
        return told

    def _count(self) -> None:
        found = live.FOLLOWER.figures
        if found is None:
            return
        alive = sum(worker.alive for worker in found.workers)
        fresh = Figures(
            found.ready,
            found.resolve,
            found.failed,
            len(found.held),
            live.FOLLOWER.sent_today(self.zone),
            alive,
            len(found.workers) - alive,
        )
        if fresh != self.figures:
            self.figures = fresh
        held = [
            HeldOrder(h.order_id, words.plain(h.number), links.order(h.number), words.iso(h.release_at))
            for h in found.held[:MOST_HELD]
        ]
        if held != self.held:
            self.held = held

    @property
    def params(self) -> dict[str, str]:
        """The query of the page's address."""
        return dict(self.router.url.query_parameters)

    def asked(self, name: str, known: Collection[str]) -> str:
        """Which of the ``known`` the address names by this parameter: the first where it names none, or one there is not,
        which is said."""
        value = self.params.get(name, "")
        if value in known:
            return value
        if value:
            self.asks_in_vain(name, value, known)
        return next(iter(known))

    def asked_number(self, name: str) -> int:
        """The number that the address names by this parameter; 0 where it names none, or what is none, which is said."""
        value = self.params.get(name, "")
        if value.isascii() and value.isdecimal() and len(value) < MOST_DIGITS:
            return int(value)
        if value:
            self.asks_in_vain(name, value)
        return 0

    def asks_in_vain(self, name: str, value: str, known: Collection[str] = ()) -> None:
        """It is said that the address names what there is not."""
        self.say(words.sentence(links.no_such(name, value, tuple(known))), "bad", here=True)
