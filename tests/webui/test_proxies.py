"""The web app behind nginx and Caddy from Debian, each set up as docs/web.md says, as a browser sees it over TLS."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Page, async_playwright, expect

from engine import clock
from engine.domain.roles import Role
from tests.support import web
from tests.support.debian import install
from tests.support.scene import Opened, Scene
from tests.support.web import Site, free_port
from webui.gate import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAME = "orders.example.com"
SNI = {"sni_hostname": NAME}
GUIDE = Path(__file__).parents[2] / "docs" / "web.md"


def documented(first: str) -> str:
    """The block of the guide that begins so."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if block.startswith(first))


def swapped(text: str, **values: str) -> str:
    """The text with what is only so on the reader's machine put in; each must be there."""
    for old, new in values.items():
        assert old in text
        text = text.replace(old, new)
    return text


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for NAME that nobody signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = clock.now()
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, key_pem = folder / "orders.pem", folder / "orders.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return pem, key_pem


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs nginx with the guide's server."""
    install("nginx-light", "nginx")
    pem, key = certificate(folder)
    server = swapped(
        documented("server {"),
        **{"443": str(port), "/etc/ssl/orders.pem": str(pem), "/etc/ssl/orders.key": str(key), "8740": str(behind)},
    )
    places = "".join(f"{what}_temp_path {folder}/{what};\n" for what in ("proxy", "fastcgi", "uwsgi", "scgi"))
    whole = (
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body;\n{places}{server}}}\n"
    )
    (folder / "nginx.conf").write_text(whole)
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs Caddy with the guide's site; its certificate is our own, as nobody would sign one here."""
    install("caddy", "caddy")
    pem, key = certificate(folder)
    site = swapped(documented(NAME), **{f"{NAME} {{": f"{NAME}:{port} {{\n    tls {pem} {key}", "8740": str(behind)})
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """The proxy answers within."""
    environ = {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PATH": "/usr/sbin:/usr/bin",
    }
    with (folder / "output").open("wb") as out:
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                with asking() as client:
                    client.get(f"https://127.0.0.1:{port}/ping", headers={"Host": NAME}, extensions=SNI)
                break
            except httpx.TransportError:
                gone = process.poll() is not None or time.monotonic() > until
                assert not gone, (folder / "output").read_text()
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def asking() -> httpx.Client:
    """Something that asks over TLS and takes our certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return httpx.Client(verify=context, timeout=20)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, front_end: None, scene_of_module: Opened, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, str]]:
    """The web app and the address that people have it at, one proxy before it."""
    folder = tmp_path_factory.mktemp("proxy")
    port = free_port()
    address = f"https://{NAME}:{port}"
    site = Site(scene_of_module.conf, "--public-url", address, "--proxy-hops", "1")
    site.start()
    try:
        with running(request.param(folder, port, site.port), folder, port):
            yield site, address
    finally:
        site.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def page() -> AsyncIterator[Page]:
    """A page of a browser to which the name is this machine's."""
    install("chromium", web.CHROMIUM)
    options = [*web.ARGUMENTS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=web.CHROMIUM, args=options)
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(10_000)
        yield await context.new_page()
        await browser.close()


async def test_one_logs_in_over_tls_and_the_page_is_live(proxied: tuple[Site, str], page: Page, scene: Scene) -> None:
    _, address = proxied
    await web.person(Role.MANAGER)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    answer = await page.goto(f"{address}/orders")
    assert answer is not None
    assert "max-age" in answer.headers["strict-transport-security"]
    await page.get_by_label("Name").fill("manager")
    await page.get_by_label("Password", exact=True).fill(web.PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{address}/orders")
    await expect(page.locator(".skeleton")).to_have_count(0)
    mine = [cookie for cookie in await page.context.cookies() if COOKIE in cookie["name"]]
    assert [(cookie["secure"], cookie["httpOnly"]) for cookie in mine] == [(True, True)]
    order = await scene.order(("BB-MUG-01", 1), who="Proxied Person")
    number = (await scene.case(order)).order.number
    await page.get_by_role("button", name="new", exact=False).click()  # by the websocket, unasked
    await expect(page.get_by_role("main").get_by_text(number).first).to_be_visible()
    assert not refused


async def test_the_address_that_counts_is_the_one_the_proxy_saw(proxied: tuple[Site, str], scene: Scene) -> None:
    site, address = proxied
    port = int(address.rpartition(":")[2])
    forged = {"Host": f"{NAME}:{port}", "Origin": address, "X-Forwarded-For": "203.0.113.66"}
    with asking() as client:
        login = {"name": "nobody", "password": "wrong"}
        answer = client.post(f"https://127.0.0.1:{port}/login", data=login, headers=forged, extensions=SNI)
    assert answer.status_code in (400, 401, 403, 422), answer.text
    told = [line for line in site.logged() if "address" in line]
    assert told
    assert {line["address"] for line in told} == {"127.0.0.1"}
