"""The door of the web app, over real HTTP: who gets in, from where, and what every answer says."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from engine import db
from engine.domain.roles import Role
from engine.services import accounts, attempts, invitations, sessions
from tests.support import web
from tests.support.scene import Opened, Scene
from tests.support.web import SETUP, Site
from tests.support.wire import handshake
from webui import letting_in
from webui.config import DIST
from webui.gate import COOKIE, MOST_FORM_BYTES, OPEN, OPEN_BELOW
from webui.pages import every_page
from webui.routes import is_download, make_routes, own_path

pytestmark = pytest.mark.asyncio(loop_scope="module")
PUBLIC = "https://orders.example.com"
OURS, THEIRS = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}
FOREIGN = [
    {"Origin": "https://evil.example"},
    THEIRS,
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Origin": "https://evil.example", **OURS},
]


@pytest.fixture(scope="module")
def behind_proxy(front_end: None, scene_of_module: Opened) -> Iterator[Site]:
    """The web app as it is started behind a proxy with TLS."""
    found = Site(scene_of_module.conf, "--public-url", f"{PUBLIC}/", "--proxy-hops", "1")
    found.start()
    yield found
    found.stop()


def client(site: Site, token: str = "", **headers: str) -> httpx.Client:
    """Something that asks; logged in with the token."""
    own = {"Cookie": f"{COOKIE}={token}"} if token else {}
    return httpx.Client(base_url=site.url, headers=own | headers, timeout=web.PATIENCE)


def log_in(asking: httpx.Client, name: str, password: str = web.PASSWORD, **headers: str) -> httpx.Response:
    """The answer to the log-in form."""
    return asking.post("/login", data={"name": name, "password": password}, headers=headers or OURS)


def downloads() -> list[tuple[str, str]]:
    """Every route of ours with somebody's data, beside the pages: (method, path)."""
    found = []
    for route in make_routes().routes:
        others = (*OPEN, letting_in.PATH)
        if isinstance(route, Route) and route.path not in others and not route.path.startswith(OPEN_BELOW):
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            found += [(method, path) for method in sorted(route.methods or {"GET"}) if method != "HEAD"]
    return found


# --- getting in --------------------------------------------------------------------------------------------------------------


async def test_a_token_from_before_the_log_in_is_never_a_session(scene: Scene, site: Site) -> None:
    await web.person(Role.VIEWER)
    planted = "p" * 43
    with client(site, planted) as asking:
        assert asking.get("/orders").status_code == httpx.codes.UNAUTHORIZED
        answer = log_in(asking, "viewer")
    cookie = answer.headers["set-cookie"]
    fresh = cookie.partition("=")[2].partition(";")[0]
    assert answer.status_code == httpx.codes.SEE_OTHER
    assert fresh != planted
    assert len(fresh) >= 43
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert await sessions.person_of(planted) is None
    assert await sessions.person_of(fresh) is not None


async def test_each_log_in_has_a_token_of_its_own_and_ends_the_one_it_replaces(scene: Scene, site: Site) -> None:
    old = await web.person(Role.VIEWER)
    with client(site, old) as asking:
        fresh = log_in(asking, "viewer").headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert fresh != old
    assert await sessions.person_of(old) is None


async def test_logging_out_needs_a_form_of_ours_and_ends_the_session(scene: Scene, site: Site) -> None:
    token = await web.person(Role.VIEWER)
    with client(site, token) as asking:
        assert asking.get("/logout").status_code != httpx.codes.SEE_OTHER
        for headers in FOREIGN:
            assert asking.post("/logout", headers=headers).status_code == httpx.codes.FORBIDDEN
        assert await sessions.person_of(token) is not None
        assert asking.post("/logout", headers=OURS).status_code == httpx.codes.SEE_OTHER
    assert await sessions.person_of(token) is None


@pytest.mark.parametrize("headers", [*FOREIGN, {}], ids=str)
async def test_a_form_from_another_site_does_nothing(scene: Scene, site: Site, headers: dict[str, str]) -> None:
    await web.person(Role.VIEWER)
    link = invitations.path(await invitations.invite(Role.ADMIN, SETUP))
    before = len(await accounts.users())
    fields = {"name": "intruder", "password": web.PASSWORD, "again": web.PASSWORD}
    with client(site) as asking:
        for path, data in (("/login", {"name": "viewer", "password": web.PASSWORD}), ("/logout", {}), (link, fields)):
            answer = asking.post(path, data=data, headers=headers)
            assert answer.status_code == httpx.codes.FORBIDDEN, path
            assert "set-cookie" not in answer.headers
    assert len(await accounts.users()) == before
    assert not [line for line in site.logged() if link.rpartition("/")[2] in str(line)]


async def test_files_with_data_are_not_for_pages_of_other_sites(scene: Scene, site: Site) -> None:
    token = await web.person(Role.ADMIN)
    with client(site, token) as asking, client(site) as nobody:
        for method, path in downloads():
            for headers in FOREIGN:
                answer = asking.request(method, path, headers=headers)
                assert answer.status_code == httpx.codes.FORBIDDEN, (method, path, headers)
            assert nobody.request(method, path, headers=OURS).status_code == httpx.codes.UNAUTHORIZED, path
        # A page is shown whoever links to it; it brings no data of its own.
        assert asking.get("/orders", headers={**THEIRS, "Sec-Fetch-Mode": "navigate"}).status_code == httpx.codes.OK


async def test_the_gate_knows_downloads_by_the_routes_there_are() -> None:
    assert all(is_download(path) for _, path in downloads())
    assert not any(
        map(is_download, ("/orders", "/login", "/static/bluebook.css", "/invitation/x", letting_in.PATH, "/"))
    )


async def test_what_a_channel_sends_back_does_nothing_that_was_not_asked(scene: Scene, site: Site) -> None:
    with client(site, await web.person(Role.ADMIN)) as asking, client(site) as nobody:
        before = await db.value("SELECT COUNT(*) FROM audit_events")
        for headers in FOREIGN:
            answer = asking.get(f"{letting_in.PATH}?state=x&code=y", headers=headers)
            assert (answer.status_code, "answers no question" in answer.text) == (400, True)
            assert asking.post(letting_in.PATH, headers=headers).status_code == httpx.codes.FORBIDDEN
        assert nobody.get(letting_in.PATH, headers=OURS).status_code == httpx.codes.UNAUTHORIZED
        assert await db.value("SELECT COUNT(*) FROM audit_events") == before


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/logout",
        "/orders\r\nSet-Cookie: x=1",
        "///evil.example",
        " //evil.example",
        "",
    ],
)
async def test_a_log_in_leads_nowhere_else(scene: Scene, site: Site, wanted: str) -> None:
    await web.person(Role.VIEWER)
    assert own_path(wanted) == "/"
    with client(site) as asking:
        form = {"name": "viewer", "password": web.PASSWORD, "next": wanted}
        answer = asking.post("/login", data=form, headers=OURS)
        assert answer.headers["location"] == "/"
        token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        again = asking.get("/login", params={"next": wanted}, headers={"Cookie": f"{COOKIE}={token}"})
        assert again.headers["location"] == "/"


async def test_five_wrong_passwords_lock_out_and_say_for_how_long(scene: Scene, behind_proxy: Site) -> None:
    await web.person(Role.VIEWER, "target")
    with client(behind_proxy, Origin=PUBLIC) as asking:
        for tried in range(attempts.LIMITS["name"]):
            answer = log_in(asking, "target", "wrong password", **{"X-Forwarded-For": f"192.0.2.{tried}"})
            assert answer.status_code == httpx.codes.UNAUTHORIZED
        answer = log_in(asking, "target", web.PASSWORD, **{"X-Forwarded-For": "192.0.2.99"})
        assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "too many failed log-ins" in answer.text.casefold()
        assert "set-cookie" not in answer.headers
    await attempts.forgive("target")


async def test_an_unknown_name_is_told_the_same_as_a_wrong_password(scene: Scene, behind_proxy: Site) -> None:
    await web.person(Role.VIEWER, "known")
    with client(behind_proxy, Origin=PUBLIC) as asking:
        said = [
            log_in(asking, name, "wrong password", **{"X-Forwarded-For": "192.0.2.7"}) for name in ("known", "nobody9")
        ]
    assert len({answer.text.replace("nobody9", "known") for answer in said}) == 1
    await attempts.forgive("known")


# --- behind a proxy ----------------------------------------------------------------------------------------------------------


async def test_behind_tls_the_cookie_is_secure_and_only_that_address_counts(scene: Scene, behind_proxy: Site) -> None:
    await web.person(Role.VIEWER)
    with client(behind_proxy) as asking:
        answer = log_in(asking, "viewer", Origin=PUBLIC)
        assert answer.status_code == httpx.codes.SEE_OTHER
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        for origin in (behind_proxy.url, "http://orders.example.com", f"{PUBLIC}:8443", f"{PUBLIC}.evil.example"):
            assert log_in(asking, "viewer", Origin=origin).status_code == httpx.codes.FORBIDDEN, origin
        out = asking.post("/logout", headers={"Origin": PUBLIC})
        assert "Secure" in out.headers["set-cookie"]


async def test_what_listens_everywhere_answers_by_every_name_it_has(
    scene: Scene, front_end: None, scene_of_module: Opened
) -> None:
    open_to_all = Site(scene_of_module.conf, "--host", "0.0.0.0")
    open_to_all.start()
    try:
        open_to_all.url = f"http://127.0.0.2:{open_to_all.port}"
        token = await web.person(Role.VIEWER)
        assert await handshake(open_to_all, token=token, origin=open_to_all.url) == 101
        assert await handshake(open_to_all, token=token, origin="https://evil.example") != 101
    finally:
        open_to_all.stop()


async def test_a_websocket_behind_tls_is_for_pages_of_that_address(scene: Scene, behind_proxy: Site) -> None:
    token = await web.person(Role.VIEWER)
    assert await handshake(behind_proxy, token=token, origin=PUBLIC) == 101
    for origin in (behind_proxy.url, "http://orders.example.com", "https://evil.example", ""):
        assert await handshake(behind_proxy, token=token, origin=origin) != 101, origin


async def test_without_tls_nothing_claims_it(scene: Scene, site: Site) -> None:
    await web.person(Role.VIEWER)
    with client(site) as asking:
        answer = log_in(asking, "viewer")
    assert "Secure" not in answer.headers["set-cookie"]
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.1, 198.51.100.8", "198.51.100.8"),
        ("<b>x</b>", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
async def test_the_address_is_what_our_own_proxy_saw(scene: Scene, behind_proxy: Site, told: str, address: str) -> None:
    await web.person(Role.VIEWER, "far")
    with client(behind_proxy) as asking:
        log_in(asking, "far", Origin=PUBLIC, **({"X-Forwarded-For": told} if told else {}))
    assert (await sessions.sessions((await accounts.user("far")).id))[0].address == address


async def test_without_a_proxy_nobody_chooses_their_address(scene: Scene, site: Site) -> None:
    await web.person(Role.VIEWER, "near")
    with client(site) as asking:
        log_in(asking, "near", **OURS, **{"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7"})
    assert (await sessions.sessions((await accounts.user("near")).id))[0].address == "127.0.0.1"


@pytest.mark.parametrize("address", ["orders.example.com", "ftp://x", "https://", "https://x/orders", "https://x?y"])
async def test_an_address_that_is_none_is_refused_at_the_start(
    front_end: None, scene_of_module: Opened, address: str
) -> None:
    started = Site(scene_of_module.conf, "--public-url", address)
    with pytest.raises(RuntimeError, match="is no address of a site"):
        started.start()


# --- what every answer says --------------------------------------------------------------------------------------------------


def everything(site: Site) -> list[str]:
    """A path of every kind: pages, plain routes, files of the front end, what Reflex mounts, and what is not there."""
    pages = ["/" + page.route.strip("/").replace("[", "").replace("]", "") for page in every_page()]
    routes: list[Any] = make_routes().routes
    own = ["/static/bluebook.css" if isinstance(r, Mount) else r.path.replace("{", "").replace("}", "") for r in routes]
    return sorted(
        {
            *pages,
            *own,
            _asset(site),
            "/ping",
            "/_event/?EIO=4&transport=polling",
            "/_health",
            "/nothing/here",
            "/assets/x.js",
        }
    )


def _asset(site: Site) -> str:
    with client(site) as asking:
        name = next((DIST / "build" / "client" / "assets").glob("*.js")).name
        assert asking.get(f"/assets/{name}").status_code == httpx.codes.OK
    return f"/assets/{name}"


@pytest.mark.parametrize("role", [None, Role.ADMIN], ids=["nobody", "admin"])
async def test_every_answer_carries_the_headers(scene: Scene, site: Site, role: Role | None) -> None:
    token = await web.person(role) if role else ""
    with client(site, token, Accept="text/html") as asking:
        for path in everything(site):
            answer = asking.get(path)
            said = answer.headers
            assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, path
            scripts = next(
                part for part in said["content-security-policy"].split("; ") if part.startswith("script-src")
            )
            assert "unsafe" not in scripts, path
            assert "http" not in scripts, path
            assert "*" not in said["content-security-policy"], path
            assert "frame-ancestors 'none'" in said["content-security-policy"], path
            assert said["x-content-type-options"] == "nosniff", path
            assert said["x-frame-options"] == "DENY", path
            assert said["referrer-policy"] == "same-origin", path
            assert said["cross-origin-opener-policy"] == "same-origin", path
            assert said.get("server", "granian") == "granian", path  # without a version
            assert "x-powered-by" not in said, path
            assert "access-control-allow-origin" not in said, path
            cached = said["cache-control"]
            if path.startswith("/assets/") and answer.status_code == httpx.codes.OK:
                assert "immutable" in cached, path
            elif path.startswith("/static/") and answer.status_code == httpx.codes.OK:
                assert cached == "no-cache", path
            else:
                assert cached == "no-store", (path, cached)


async def test_pages_of_other_sites_are_told_nothing_by_cors(scene: Scene, site: Site) -> None:
    token = await web.person(Role.ADMIN)
    with client(site, token) as asking:
        for path in everything(site):
            for method in ("GET", "OPTIONS"):
                asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
                assert "access-control-allow-origin" not in asking.request(method, path, headers=asked).headers, path


PATHS = [
    "/static/../gate.py",
    "/static/%2e%2e/gate.py",
    "/static/..%2fgate.py",
    "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/static//etc/passwd",
    "/static/..%5c..%5cetc%5cpasswd",
    "/assets/../../../gate.py",
    "/assets/%2e%2e/%2e%2e/%2e%2e/backend",
    "/assets/..%2f..%2f..%2fgate.py",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/%00",
    "/static/bluebook.css%00.txt",
    "/built-from",
    "/../built-from",
    "/login/../orders",
    "/invitation/..%2f..%2fetc%2fpasswd",
]


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_out_of_the_folders(scene: Scene, site: Site, path: str) -> None:
    token = await web.person(Role.ADMIN)
    for cookie in ("", f"{COOKIE}={token}"):
        asked = http.client.HTTPConnection("127.0.0.1", site.port, timeout=web.PATIENCE)  # sends the path as it is
        asked.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = asked.getresponse()
        body = answer.read().decode("utf-8", "replace")
        asked.close()
        assert "root:" not in body
        assert "def " not in body
        assert "import " not in body or "<!DOCTYPE html>" in body
        assert answer.status < httpx.codes.INTERNAL_SERVER_ERROR, body[:200]


async def test_forms_have_a_largest_size(scene: Scene, site: Site) -> None:
    link = invitations.path(await invitations.invite(Role.VIEWER, SETUP))

    def pieces() -> Iterator[bytes]:
        for name in (b"name", b"password", b"again"):
            yield b"&" + name + b"=" + b"x" * (MOST_FORM_BYTES // 3)

    with client(site, Connection="close") as asking:
        for path in ("/login", link):
            plain = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
            large = asking.post(path, content=b"name=" + b"x" * MOST_FORM_BYTES, headers=plain)
            assert large.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE, path
            assert "at most 16 KB" in large.text
            assert (
                asking.post(path, content=pieces(), headers=plain).status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
            )
            many = asking.post(path, content=b"&".join(b"a=1" for _ in range(50)), headers=plain)
            assert many.status_code == httpx.codes.BAD_REQUEST
            files = asking.post(path, files={"name": ("x.txt", b"hello")}, headers=OURS)
            assert files.status_code == httpx.codes.BAD_REQUEST


async def test_what_cannot_be_read_is_answered_without_a_traceback(scene: Scene, site: Site) -> None:
    token = await web.person(Role.ADMIN)
    odd: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", "/login", {}),
        ("DELETE", "/orders", {}),
        ("TRACE", "/login", {}),
        ("PATCH", "/static/bluebook.css", {}),
        (
            "POST",
            "/login",
            {"content": b"\xff\xfe\x00", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ),
        (
            "POST",
            "/login",
            {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        ),
        ("POST", "/login", {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}),
        ("POST", "/login", {"content": b"{}", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/login", {"data": {"name": "\x00", "password": "\ud800".encode("utf-8", "surrogatepass")}}),
        (
            "POST",
            "/login",
            {"content": b"name=%ff%fe&password=%00", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ),
        ("GET", "/login?next=%ff%00", {}),
        ("GET", "/orders?after=%ff", {}),
        ("GET", "/invitation/%00%ff", {}),
        ("POST", "/_event/?EIO=4&transport=polling&sid=nobody", {"content": b"4x"}),
        ("GET", "/_event/?EIO=99", {}),
        ("GET", "/login", {"headers": {"Cookie": 'bluebook_session="; =;;; \\'}}),
        ("POST", "/_upload", {"files": {"files": b"x"}}),
    ]
    for cookie in ("", token):
        with client(site, cookie) as asking:
            for method, path, how in odd:
                headers = OURS | how.get("headers", {})
                answer = asking.request(method, path, **{**how, "headers": headers})
                assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, (method, path, how, answer.text[:300])
                for sign in ("Traceback", 'File "', "site-packages", "sqlite3", "Error:"):
                    assert sign not in answer.text, (method, path, answer.text[:300])
    assert [line for line in site.logged() if line.get("event") == "a request failed"] == []
