"""The people who use Bluebook, for admins: who there is, as what, and where they are logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.errors import Invalid, NotFound, Refused
from engine.services import accounts, invitations, sessions
from engine.services.accounts import Account
from webui import links, words
from webui.states import people
from webui.states.base import PAGES, Book, on
from webui.states.people import SessionRow

PATH = "/users"
_TONES = {"ok": "good", "invited": "warn", "disabled": "bad"}


@dataclass
class UserRow:
    """Someone who may log in, as the list shows them."""

    id: int = 0
    name: str = ""
    email: str = ""
    role: str = ""
    state: str = ""
    tone: str = ""
    seen: str = ""
    seen_iso: str = ""
    sessions: int = 0
    me: bool = False
    href: str = ""


@dataclass
class OneTime:
    """A link that works once, to be given to someone; it is shown this one time."""

    title: str = ""
    url: str = ""


class Users(Book):
    """The list, and the user that is open beside it (``?user=dana``); the address says what is open."""

    rows: list[UserRow] = []
    chosen: UserRow = UserRow()
    open: list[SessionRow] = []
    ready: bool = False
    error: str = ""
    adding: bool = False
    problem: str = ""
    confirming: bool = False
    link: OneTime = OneTime()

    @on(Permission.USERS)
    async def load(self) -> None:
        """The page shows what its address asks for."""
        self.adding = "add" in self.params
        self.problem, self.confirming, self.link = "", False, OneTime()
        await self._read()
        wanted = self.params.get("user", "")
        self.error = f"There is no user {wanted[:80]!r}." if wanted and not self.chosen.id else ""

    async def _read(self) -> None:
        rows = [self._row(user) for user in await accounts.users()]
        if rows != self.rows:
            self.rows = rows
        wanted = self.params.get("user", "")
        chosen = next((row for row in rows if row.name == wanted), UserRow())
        if chosen != self.chosen:
            self.chosen = chosen
        found = await people.sessions_of(chosen.id, self.zone, self.person.session) if chosen.id else []
        if found != self.open:
            self.open = found
        self.ready = True

    def _row(self, user: Account) -> UserRow:
        at = user.seen_at or user.logged_in_at
        return UserRow(
            user.id, user.name, words.plain(user.email), user.role.value, user.state, _TONES[user.state], people.seen(at),
            words.iso(at), user.sessions, user.id == self.person.id, links.with_params(PATH, {"user": user.name}),
        )  # fmt: skip

    def _chosen(self) -> str:
        """The name of who is open; raises NotFound."""
        if not self.chosen.id:
            raise NotFound("open a user of the list first")
        return self.chosen.name

    # --- opening and closing ------------------------------------------------------------------------------------------

    @on(Permission.USERS)
    def close(self) -> Any:
        """Only the list is there; a link that was shown is gone."""
        self.link = OneTime()
        return rx.redirect(PATH)

    @on(Permission.USERS)
    def forget_link(self) -> None:
        """The link has been copied."""
        self.link = OneTime()

    @on(Permission.USERS)
    def ask(self, about: bool) -> None:
        """Whether the user is to be disabled is asked, or no longer."""
        self.confirming = about

    # --- adding -------------------------------------------------------------------------------------------------------

    @on(Permission.USERS)
    async def add(self, form: dict[str, Any]) -> Any:
        """There is such a user, and a link by which they choose a password; without a name, a link to become one."""
        name, role = str(form.get("name", "")).strip(), str(form.get("role", ""))
        self.problem = ""
        try:
            if name:
                made = await accounts.add_user(name, role, self.by, email=str(form.get("email", ""))[:254])
                token, title = await invitations.link(made.name, self.by), f"{made.name} chooses a password here"
            else:
                token, title = await invitations.invite(role, self.by), f"Whoever opens this first becomes {role}"
        except Invalid as error:
            self.problem = words.sentence(error.message)
            return None
        self._show(token, title)
        self.adding = False
        await self._read()
        return None

    @on(Permission.USERS)
    async def new_link(self) -> None:
        """The user has a new one-time link to choose a password; older ones are void."""
        name = self._chosen()
        self._show(await invitations.link(name, self.by), f"{name} chooses a new password here")

    def _show(self, token: str, title: str) -> None:
        self.link = OneTime(title, f"{self.router.headers.origin}{invitations.path(token)}")

    # --- changing -----------------------------------------------------------------------------------------------------

    @on(Permission.USERS)
    async def set_role(self, form: dict[str, Any]) -> None:
        """The user has the role from their next click on."""
        changed = await self._try(accounts.set_role(self._chosen(), str(form.get("role", "")), self.by))
        if changed is not None:
            self.say(f"{changed.name} is {changed.role} now.", "good")

    @on(Permission.USERS)
    async def disable(self) -> None:
        """The user cannot log in, and their sessions have ended."""
        changed = await self._try(accounts.disable(self._chosen(), self.by))
        self.confirming = False
        if changed is not None:
            self.say(f"{changed.name} is disabled and logged out everywhere.", "good")

    @on(Permission.USERS)
    async def enable(self) -> None:
        """The user can log in again."""
        changed = await self._try(accounts.enable(self._chosen(), self.by))
        if changed is not None:
            self.say(f"{changed.name} can log in again.", "good")

    @on(Permission.USERS)
    async def revoke(self, session: int) -> None:
        """The session of the user that is open has ended."""
        self._chosen()
        await self._try(sessions.revoke(session, self.by, of=self.chosen.id))

    @on(Permission.USERS)
    async def revoke_all(self) -> None:
        """All sessions of the user that is open have ended, but the one of who says so."""
        name = self._chosen()
        ended = await self._try(sessions.revoke_all(self.chosen.id, self.by, but=self.person.session))
        if ended is not None:
            self.say(f"{words.many(ended, 'session')} of {name} ended.", "good")

    async def _try(self, doing: Any) -> Any:
        """What came of it, shown in the list; None where it was refused, which the open user's dialog says."""
        self.problem = ""
        found = None
        try:
            found = await doing
        except (Invalid, NotFound, Refused) as error:
            self.problem = words.sentence(error.message)
        await self._read()
        return found

    # --- news ---------------------------------------------------------------------------------------------------------

    @on(Permission.USERS)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """People are read again when settings changed."""
        if everything and self.ready:
            await self._read()


PAGES["users"] = Users.heard
