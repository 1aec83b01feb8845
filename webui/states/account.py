"""One's own account: the name, what the role allows, the time zone, the password and the sessions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from engine import clock
from engine.domain import roles
from engine.domain.roles import WHAT, Permission
from engine.errors import Invalid, NotAuthorised, NotFound, Refused, TryLater
from engine.services import accounts, passwords, sessions
from webui import words
from webui.states import people
from webui.states.base import PAGES, Book, on
from webui.states.people import SessionRow


@lru_cache(maxsize=1)
def _zones() -> list[str]:
    """The zones people choose from: places, and UTC."""
    return ["UTC", *sorted(z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "SystemV/")))]


class MyAccount(Book):
    """What the page shows. Passwords are in none of its values: they come with an event and go."""

    allowed: list[str] = []
    denied: list[str] = []
    zones: list[str] = []
    now: str = ""
    mine: list[SessionRow] = []
    others: int = 0
    ready: bool = False
    zone_problem: str = ""
    password_problem: str = ""
    password_field: str = ""
    password_key: int = 0

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows its person."""
        self.zone_problem = self.password_problem = self.password_field = ""
        self.zones = _zones()
        await self._read()
        self.ready = True

    async def _read(self) -> None:
        role = self.person.role
        self.allowed = [_first(WHAT[p]) for p in Permission if roles.may(role, p)]
        self.denied = [_first(WHAT[p]) for p in Permission if not roles.may(role, p)]
        self.now = words.day_and_time(clock.now(), self.zone)
        found = await people.sessions_of(self.person.id, self.zone, self.person.session)
        if found != self.mine:
            self.mine = found
        self.others = sum(not row.mine for row in found)

    @on(Permission.VIEW)
    async def set_zone(self, form: dict[str, Any]) -> None:
        """Times are in this zone from now on, in every tab."""
        self.zone_problem = ""
        try:
            changed = await accounts.set_timezone(self.name, str(form.get("zone", "")).strip(), self.by)
        except Invalid as error:
            self.zone_problem = words.sentence(error.message)
            return
        self.zone = changed.timezone
        await self._read()
        self.say(f"Times are in {changed.timezone} now.", "good")

    @on(Permission.VIEW)
    async def change_password(self, form: dict[str, Any]) -> None:
        """The person has the new password, and their other sessions have ended."""
        old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
        self.password_problem = self.password_field = ""
        try:
            passwords.same(new, again)
            await accounts.change_password(self.person, old, new, self.router.session.client_ip)
        except NotAuthorised as error:
            self.password_problem, self.password_field = words.sentence(error.message), "old"
        except Invalid as error:
            self.password_problem = words.sentence(error.message)
            self.password_field = "again" if error.field == "again" else "new"
        except (TryLater, Refused) as error:
            self.password_problem = words.sentence(error.message)
        else:
            self.password_key += 1  # a fresh form: what was typed is gone from the page
            await self._read()
            self.say("You have a new password. Your other sessions have ended.", "good")

    @on(Permission.VIEW)
    async def revoke(self, session: int) -> None:
        """This session of one's own has ended."""
        try:
            await sessions.revoke(session, self.by, of=self.person.id)
            self.say("That session has ended.", "good")
        except NotFound as error:
            self.say(words.sentence(error.message), "bad")
        await self._read()

    @on(Permission.VIEW)
    async def revoke_others(self) -> None:
        """One is logged in here and nowhere else."""
        ended = await sessions.revoke_all(self.person.id, self.by, but=self.person.session)
        await self._read()
        self.say(f"{words.many(ended, 'other session')} ended.", "good")

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """The sessions are read again when people changed."""
        if everything and self.ready:
            await self._read()


def _first(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


PAGES["account"] = MyAccount.heard
