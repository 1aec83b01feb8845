"""Fixtures for every test: settings that touch nobody's home, the real clock, and databases of both kinds."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
import structlog
from argon2 import PasswordHasher

from engine import clock, db, settings
from engine.services import catalog, passwords
from tests.support import databases

# No example fails for having been slow: how quick the machine is proves nothing. All else is as it would be, also in CI.
hypothesis.settings.register_profile(
    "unhurried", hypothesis.settings.default, deadline=None,
    suppress_health_check=[*hypothesis.settings.default.suppress_health_check, hypothesis.HealthCheck.too_slow],
)  # fmt: skip
hypothesis.settings.load_profile("unhurried")
# As the app logs: the default prints every local variable of a traceback in colours, a tenth of a second each.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback


# As in a worker: what is imported for all the tests is a million objects, and half of the collecting was to walk them again.
gc.set_threshold(50_000, 10, 20)

# Which files take longest, from the longest: real stores, pages in a browser, what is called in hundreds of ways.
LONGEST = ("stores", "test_every_state.py", "e2e", "test_description.py", "webui")


def pytest_collection_finish() -> None:
    """What the tests' modules are made of is never garbage."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: at the end one of them would keep a core busy while the other waits."""

    def place(item: pytest.Item) -> int:
        known = {*item.path.parts, *(marker.name for marker in item.iter_markers())}
        return next((place for place, what in enumerate(LONGEST) if what in known), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Children can be interrupted by a signal, also where the tests run behind ``nohup`` or ``&``, which would spare them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path) -> Iterator[settings.Settings]:
    """Settings whose home is the test's own folder; both they and the clock are put back afterwards."""
    mine = settings.Settings(home=str(tmp_path / "home"))
    settings.force(mine)
    yield mine
    settings.force(None)
    clock.use(lambda: datetime.now(UTC))


@pytest.fixture(autouse=True)
def closed_logs() -> Iterator[None]:
    """A command that ran in this process leaves no log file open, nor the log going there."""
    yield
    if "tui.logs" in sys.modules:
        sys.modules["tui.logs"].close()


@pytest.fixture(autouse=True)
def connectors_looked_at_anew() -> Iterator[None]:
    """A process uses a connector for a second before it looks at its settings; the next test's channel 1 is another one."""
    yield
    for table, row_id in catalog._looked_at:
        catalog.forget(table, row_id)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed by argon2id as ever, but in 2 ms instead of 400 (test_sessions.py has the real parameters)."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file a session, to be copied."""
    return databases.sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """One migrated PostgreSQL database a session, to be copied. No server: skipped, or failed where CI is set."""
    databases.needed()
    url = databases.elsewhere(databases.postgres_template())
    yield url
    databases.elsewhere(databases.drop(url))


@pytest.fixture(scope="session")
def postgres_copies(postgres_template: str) -> Iterator[databases.Copies]:
    """Where empty, migrated PostgreSQL databases are taken from and given back to."""
    copies = databases.Copies(postgres_template)
    yield copies
    databases.elsewhere(copies.close())


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an empty, migrated SQLite database; not open."""
    return databases.sqlite_copy(sqlite_template, tmp_path)


@pytest.fixture
def postgres_url(postgres_copies: databases.Copies) -> Iterator[str]:
    """The URL of an empty, migrated PostgreSQL database; not open, and no other test's."""
    url = databases.elsewhere(postgres_copies.take())
    yield url
    postgres_copies.give_back(url)


@pytest.fixture(params=["sqlite", "postgres"])
def db_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty, migrated database, once of each kind; not open. The settings point to it."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    settings.force(settings.Settings(home=settings.settings().home, database_url=url))
    return url


@pytest.fixture
async def database(db_url: str) -> AsyncIterator[str]:
    """An open, empty, migrated database, once of each kind; its URL. Open for the test and for the tasks it starts."""
    # pytest-asyncio carries context variables set here into the test (tests/integration/test_databases.py makes sure).
    async with db.database(db_url):
        yield db_url


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[str]:
    """The same on SQLite only, for what does not depend on the database."""
    settings.force(settings.Settings(home=settings.settings().home, database_url=sqlite_url))
    async with db.database(sqlite_url):
        yield sqlite_url
