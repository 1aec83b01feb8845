"""Passwords: hashed by argon2id beside the loop, a few at a time, and refused where others guess them first."""

from __future__ import annotations

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from engine.errors import Invalid, TryLater

SHORTEST, LONGEST = 10, 500
AT_ONCE = 2
"""Each costs 64 MiB while it lasts; so many are worked on at once in a process."""
WAITING = 100
_JUDGED = 72
_GUESSES_A_SCORE = 2
PARAMETERS = RFC_9106_LOW_MEMORY
hasher = PasswordHasher.from_parameters(PARAMETERS)
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_waiting = 0
_judging = threading.Lock()


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Within, it is the caller's turn to hash or verify; raises TryLater where too many wait for theirs."""
    global _waiting
    if _waiting >= WAITING:
        raise TryLater("too many people log in at this moment; try again in a few seconds", 5)
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        _turns[loop] = asyncio.Semaphore(AT_ONCE)
    _waiting += 1
    try:
        async with _turns[loop]:
            yield
    finally:
        _waiting -= 1


async def hashed(password: str) -> str:
    """The password as it is stored. Check it first."""
    async with turn():
        return await rehashed(password)


async def rehashed(password: str) -> str:
    """The same for whose turn it is already."""
    return await asyncio.to_thread(hasher.hash, _plain(password))


async def fits(password: str, stored: str) -> bool:
    """Is it the password that was stored? Takes as long where none was ("")."""
    return await asyncio.to_thread(_fits, _plain(password), stored)


def is_outdated(stored: str) -> bool:
    """Was it hashed with other parameters than those in use?"""
    return hasher.check_needs_rehash(stored)


async def check(password: str, *names: str) -> None:
    """The password is good enough for someone with these names; raises Invalid with what to do."""
    password = _plain(password)
    if len(password) < SHORTEST:
        raise Invalid(f"a password needs at least {SHORTEST} characters; a few words in a row are fine", "password")
    if len(password) > LONGEST:
        raise Invalid(f"a password has at most {LONGEST} characters", "password")
    bare = "".join(c for c in password.casefold() if c.isalpha())
    if any(bare and bare == "".join(c for c in name.casefold() if c.isalpha()) for name in names):
        raise Invalid("the user's own name is no password; take a few words in a row", "password")
    if hint := await asyncio.to_thread(_guessable, password, names):
        raise Invalid(
            f"this password is among the first that others try ({hint}); take a few words in a row", "password"
        )


def same(password: str, again: str) -> None:
    """What was typed twice is the same; raises Invalid for the field "again"."""
    if _plain(password) != _plain(again):
        raise Invalid("the two passwords are not the same; type the same one twice", "again")


def _plain(password: str) -> str:
    # The same letters typed on another keyboard come as other code points. What is too long is never a password.
    return unicodedata.normalize("NFKC", password[: LONGEST + 1])


def _fits(password: str, stored: str) -> bool:
    try:
        return hasher.verify(stored or _nobodys(hasher), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys(by: PasswordHasher) -> str:
    return by.hash(secrets.token_urlsafe(32))


def _guessable(password: str, names: tuple[str, ...]) -> str:
    """Why it is guessed soon; "" where it is not."""
    from zxcvbn import zxcvbn

    with _judging:  # it keeps the names in a dictionary of its module
        found = zxcvbn(password[:_JUDGED], user_inputs=[*names, "bluebook"])
    if found["score"] >= _GUESSES_A_SCORE:
        return ""
    said = found["feedback"]["warning"] or "it is easily guessed"
    return str(said[:1].lower() + said[1:]).rstrip(".")
