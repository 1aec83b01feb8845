"""``bluebook users``: who may log in to the web app, as what, and where they are logged in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.cli import asking
from tui.cli.command import Noun, by, confirm
from tui.cli.output import Column, Shown, listing, said
from tui.plain import ago, local, many

if TYPE_CHECKING:
    from engine.services.accounts import Account

noun = Noun("users", "Who may log in to the web app, and as what.")
Name = Annotated[str, typer.Argument(help="The user's name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

USERS = [
    Column("USER", lambda u: u.name, give=True),
    Column("ROLE", lambda u: u.role),
    Column("E-MAIL", lambda u: u.email, give=True),
    Column("SEEN", lambda u: ago(u.seen_at or u.logged_in_at), right=True),
    Column("SESSIONS", lambda u: u.sessions, right=True),
    Column("STATE", lambda u: u.state),
]
SESSIONS = [
    Column("SESSION", lambda s: s.id, right=True),
    Column("USER", lambda s: s.user, give=True),
    Column("SINCE", lambda s: local(s.created_at)),
    Column("SEEN", lambda s: ago(s.seen_at), right=True),
    Column("ENDS", lambda s: ago(s.expires_at), right=True),
    Column("ADDRESS", lambda s: s.address),
    Column("BROWSER", lambda s: s.agent, give=True),
]


@noun.command("ls", "bluebook users ls", reads=True)
async def ls() -> Shown:
    """List the users with their roles.

    Their state is ok, disabled, or invited: they have no password yet.
    """
    from engine.services import accounts

    return listing(
        "users", await accounts.users(), USERS, empty="no users yet; `bluebook users add NAME` makes an admin"
    )


@noun.command(
    "add",
    "bluebook users add dana",
    "bluebook users add eve --role operator --email eve@example.com",
    "bluebook users add ops --role viewer --password-stdin < password.txt",
)
async def add(
    name: Annotated[str, typer.Argument(help="What they log in as: letters, digits and . _ @ + -")],
    role: Annotated[
        str, typer.Option(help="viewer, operator, manager or admin [default: admin for the first user, else viewer].")
    ] = "",
    email: Annotated[str, typer.Option(help="Where mail reaches them.")] = "",
    timezone: Annotated[str, typer.Option(help="In which zone they read times, such as Europe/Berlin.")] = "UTC",
    password: Annotated[bool, typer.Option("--password", help="Ask for a password, without echo.")] = False,
    password_stdin: FromStdin = False,
) -> Shown:
    """Add a user; without a password, a link is printed by which they choose one, once, within three days.

    viewer: look at everything · operator: act on orders · manager: also channels, suppliers, mappings, rules, jobs and the
    inbox · admin: also users. The first user is an admin.
    """
    from engine.services import accounts, invitations

    role = role or ("viewer" if await accounts.users() else "admin")
    chosen = await _password(password_stdin) if password or password_stdin else None
    made = await accounts.add_user(name, role, by(), password=chosen, email=email, timezone=timezone)
    text = f"{made.name} is added as {made.role}"
    if chosen is not None:
        return said(text, user=made, link=None)
    path = invitations.path(await invitations.link(made.name, by()))
    return _link(f"{text}. They choose a password", path, user=made)


@noun.command("role", "bluebook users role dana manager")
async def role(name: Name, role: Annotated[str, typer.Argument(help="viewer, operator, manager or admin.")]) -> Shown:
    """Give a user another role; it holds from their next click on."""
    from engine.services import accounts

    return _told(await accounts.set_role(name, role, by()), "{0.name} is {0.role}")


@noun.command(
    "password",
    "bluebook users password dana",
    "bluebook users password dana --link",
    "bluebook users password dana --password-stdin < password.txt",
)
async def password(
    name: Name,
    password_stdin: FromStdin = False,
    link: Annotated[
        bool, typer.Option("--link", help="Print a link by which they choose it themselves, once.")
    ] = False,
) -> Shown:
    """Give a user another password, asked for without echo; their sessions and a lock-out end."""
    from engine.errors import Invalid
    from engine.services import accounts, invitations

    known = await accounts.user(name)
    if link:
        if password_stdin:
            raise Invalid("give --link or --password-stdin, not both", "link")
        path = invitations.path(await invitations.link(known.name, by()))
        return _link(f"{known.name} chooses a new password", path, user=known)
    chosen = await _password(password_stdin)
    return _told(await accounts.set_password(known.name, chosen, by()), "{0.name} has a new password and logs in again")


@noun.command("disable", "bluebook users disable dana")
async def disable(name: Name) -> Shown:
    """Keep a user out from now on; their sessions end. Nothing of theirs is deleted."""
    from engine.services import accounts

    return _told(
        await accounts.disable(name, by()), "{0.name} is disabled; `bluebook users enable {0.name}` lets them in again"
    )


@noun.command("enable", "bluebook users enable dana")
async def enable(name: Name) -> Shown:
    """Let a disabled user in again."""
    from engine.services import accounts

    return _told(await accounts.enable(name, by()), "{0.name} is enabled")


@noun.command("invite", "bluebook users invite operator")
async def invite(role: Annotated[str, typer.Argument(help="viewer, operator, manager or admin.")]) -> Shown:
    """Print a link by which someone becomes a user of a role, once, within three days."""
    from engine.domain import roles
    from engine.services import invitations

    wanted = roles.role(role)
    return _link(f"Whoever comes first becomes {wanted}", invitations.path(await invitations.invite(wanted, by())))


@noun.command("sessions", "bluebook users sessions", reads=True)
async def sessions(name: Annotated[str | None, typer.Argument(help="Of this user only.")] = None) -> Shown:
    """List who is logged in, since when and from where."""
    from engine.services import accounts
    from engine.services import sessions as open_sessions

    of = (await accounts.user(name)).id if name else None
    return listing("sessions", await open_sessions.sessions(of), SESSIONS, empty="nobody is logged in")


@noun.command("revoke", "bluebook users revoke 12", "bluebook users revoke --all dana --yes")
async def revoke(
    session: Annotated[int | None, typer.Argument(help="The session's number in `bluebook users sessions`.")] = None,
    all: Annotated[str, typer.Option("--all", metavar="NAME", help="All sessions of this user.")] = "",
    yes: Yes = False,
) -> Shown:
    """End a session, or all of a user's; they have to log in again."""
    from engine.errors import Invalid
    from engine.services import accounts
    from engine.services import sessions as open_sessions

    if (session is None) == (not all):
        raise Invalid("say which session by its number, or --all NAME", "session")
    if session is not None:
        await open_sessions.revoke(session, by())
        return said(f"session {session} is ended", ended=1)
    known = await accounts.user(all)
    await confirm(f"End {many(known.sessions, 'session')} of {known.name}?", yes)
    ended = await open_sessions.revoke_all(known.id, by())
    return said(f"{many(ended, 'session')} of {known.name} {'is' if ended == 1 else 'are'} ended", ended=ended)


def _told(user: Account, text: str) -> Shown:
    return said(text.format(user), user=user)


def _link(text: str, path: str, **data: Any) -> Shown:
    """The path alone is on stdout, for scripts; what it is, beside it."""
    remark = f"{text} at the web app's address followed by this path, once, within three days"
    return Shown({"message": remark, "link": path, **data}, lambda paper: paper.line(path), remarks=[remark])


async def _password(from_stdin: bool) -> str:
    """The password, from the first line of standard input or asked for twice; raises Invalid where nobody can be asked."""
    from engine.errors import Invalid

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid(
            "nobody can be asked for a password here: give --password-stdin, or let them choose it by a link",
            "password",
        )
    return await asking.text("Password", hidden=True, twice=True)
