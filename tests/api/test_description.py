"""The description is OpenAPI 3.1, says what runs, and holds: schemathesis calls everything it tells of, over real HTTP."""

from __future__ import annotations

import asyncio
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import ignored_auth, missing_required_header, positive_data_acceptance

from engine import db, settings
from engine.api.rest import openapi, table
from engine.api.rest.nouns import ROUTES
from engine.api.rest.problems import KINDS
from engine.services import listings
from tests.api.client import token_for
from tests.api.conftest import serving
from tests.api.shop import fill, open_shop
from tests.support import databases

EXAMPLES = 5
LONGEST_LINE = 8_000
PATIENCE = 60.0
EXCEPT = [
    positive_data_acceptance,  # that a SKU is there, or a cursor that of the list, no schema can say
    ignored_auth,  # asked of every route by test_guard.py
    missing_required_header,  # expects another status than RFC 6585 has for If-Match, which test_orders.py asks for
]
THINGS = ("order_id", "issue_id", "channel_id", "supplier_id")


class Site:
    """The API with orders in it, in a thread of its own: schemathesis waits for each answer."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database, self.folder = url, folder
        self.url, self.token = "", ""
        self.calls = 0
        self.session = requests.Session()
        self.known: dict[str, list[int]] = {}
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """It listens."""
        self._thread.start()
        self._ready.wait(180)
        assert self.url, self._failed

    def stop(self) -> None:
        """It does not any more."""
        assert self._loop is not None
        assert self._stop is not None
        self.session.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed.append(error)
        self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with db.database(self.database):
            shop, channel = await open_shop(self.folder)
            orders = await fill(channel)
            issues = [int(r[0]) for r in await db.rows("SELECT id FROM issues ORDER BY id")]
            self.known = {
                "order_id": orders, "issue_id": issues, "supplier_id": list(shop.suppliers.values()),
                "channel_id": [view.id for view in await listings.channels()],
            }  # fmt: skip
            async with serving() as api:
                self.url, self.token = api.url, await token_for("admin")
                self._ready.set()
                await self._stop.wait()


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    conf = settings.Settings(home=str(folder), database_url=databases.sqlite_copy(sqlite_template, folder), api_calls=0)
    settings.force(conf)
    found = Site(conf.database, folder)
    found.start()
    yield found
    settings.force(conf)
    found.stop()


@pytest.fixture
def own_settings(site: Site) -> None:
    """Those of the site, whose thread has them too."""
    settings.force(settings.Settings(home=str(site.folder), database_url=site.database, api_calls=0))


@pytest.fixture
def described(site: Site) -> Any:
    return schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")


api = schemathesis.pytest.from_fixture("described")


@api.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_what_the_description_allows_and_what_not_is_answered_as_it_says(case: Any, site: Site) -> None:
    for name in THINGS:
        value = (case.path_parameters or {}).get(name)
        # Of ten numbers one is that of nothing.
        if isinstance(value, int) and 1 <= value < 2**31 and value % 10:
            case.path_parameters[name] = site.known[name][value % len(site.known[name])]
    answer = case.call(headers={"Authorization": f"Bearer {site.token}"}, session=site.session, timeout=PATIENCE)
    site.calls += 1
    if answer.status_code == 400 and len(answer.request.url or "") > LONGEST_LINE:
        return  # the server itself turns it away, before it is anybody's
    case.validate_response(answer, excluded_checks=EXCEPT)
    assert answer.status_code != 403
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]


def test_the_description_says_what_the_table_says() -> None:
    told = openapi.description(ROUTES)
    assert told["openapi"].startswith("3.1.")
    said = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert said == {(route.method, table.PREFIX + route.path) for route in ROUTES}
    for route in ROUTES:
        operation = told["paths"][table.PREFIX + route.path][route.method.lower()]
        assert operation["security"] == [{"token": [route.scope] if route.scope else []}]
        assert {int(status) for status in operation["responses"]} >= {*route.statuses, 401, 403, 429, 500}
        names = {(p["in"], p["name"]) for p in operation["parameters"]}
        assert {name for where, name in names if where == "path"} == set(route.params)
        assert (("header", "Idempotency-Key") in names) == (route.method == "POST")
        assert ("requestBody" in operation) == (route.body is not None)
        assert operation["summary"]
        moments = (
            {f.encode_name for f in msgspec.structs.fields(route.query) if "datetime" in str(f.type)}
            if route.query
            else set()
        )
        told_so = {
            p["name"]
            for p in operation["parameters"]
            if p["in"] == "query" and p["schema"].get("format") == "date-time"
        }
        assert told_so == moments
    text = msgspec.json.encode(told).decode()
    assert "``" not in text
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert referred <= set(told["components"]["schemas"])
    assert set(told["components"]["schemas"]) - referred == set()


def test_everything_was_called_in_many_ways(site: Site) -> None:
    assert site.calls > 20 * len(ROUTES)


def test_the_page_needs_nothing_from_outside(site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/api/docs", timeout=PATIENCE) as answer:
        page, headers = answer.read().decode(), answer.headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in page
    assert set(re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'>)\s]+)""", page)) <= {"/api/openapi.json"} | {
        f"#{name}" for name in re.findall(r'id="([^"]+)"', page)
    }
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(ids) >= {route.name for route in ROUTES} | set(KINDS)


def test_the_description_has_no_secrets_and_needs_no_token(site: Site) -> None:
    with urllib.request.urlopen(f"{site.url}/api/openapi.json", timeout=PATIENCE) as answer:
        told = msgspec.json.decode(answer.read())
        assert answer.headers["Content-Type"].startswith("application/json")
    assert told == openapi.description(ROUTES)
