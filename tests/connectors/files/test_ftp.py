"""FTP and FTPS against Debian's vsftpd: what a session proves, and what is left when a server is killed in the middle."""

from __future__ import annotations

import asyncio
import ftplib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.suppliers.files.config import Config
from engine.connectors.suppliers.files.connector import Connector
from engine.errors import Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater
from engine.transports.ftp import Ftp, Login
from tests.connectors.files.test_delivery import BODY, PO, Cutter
from tests.support.openssh import free_port
from tests.support.pureftpd import pureftpd
from tests.support.vsftpd import Vsftpd, vsftpd

BIG = bytes(range(256)) * 4096  # a mebibyte
SLOW = {"anon_max_rate": "131072"}  # bytes a second: what is big takes eight of them
ACK = b"po_number,status,date\n" + b"".join(b"%d-1,accepted,2026-01-02\n" % n for n in range(30_000))


@pytest.fixture(params=[True, False], ids=["ftps", "ftp"])
def server(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> Iterator[Vsftpd]:
    with vsftpd(keys, root=tmp_path / "root", tls=request.param) as found:
        for name in ("orders", "acks"):
            (found.root / name).mkdir()
        yield found


def box(server: Vsftpd, **changes: Any) -> Ftp:
    login = {
        "host": server.host, "port": server.port, "username": server.username, "password": server.password,
        "tls": bool(server.certificate), "certificate": server.certificate,
    }  # fmt: skip
    return Ftp(Login(**{**login, **changes}), timeout=60)


@asynccontextmanager
async def connected(server: Vsftpd, **changes: Any) -> AsyncIterator[Connector]:
    settings = {**server.settings(), "acks_dir": "acks", "settle_seconds": 0, "timeout": 60}
    supplier = Connector(msgspec.convert({**settings, **changes}, Config))
    try:
        yield supplier
    finally:
        await supplier.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


# --- what a session proves --------------------------------------------------------------------------------------------


async def test_a_file_is_written_read_listed_renamed_and_moved(server: Vsftpd) -> None:
    files = box(server)
    assert str(server.root) in await files.check()
    await files.write("orders/.a.part", BIG)
    assert (server.root / "orders/.a.part").read_bytes() == BIG
    await files.rename("orders/.a.part", "orders/a.csv")
    assert await files.read("orders/a.csv", len(BIG)) == BIG
    (entry,) = await files.listing("orders")
    assert (entry.path, entry.size) == ("orders/a.csv", len(BIG))
    assert entry.mtime == int((server.root / "orders/a.csv").stat().st_mtime)
    assert await files.stat("orders/a.csv") == entry
    assert [await files.exists(path) for path in ("orders", "orders/.a.part", "nowhere/x")] == [True, False, False]
    assert await files.move("orders/a.csv", "orders/done/here") == "orders/done/here/a.csv"
    await files.write("orders/a.csv", b"second")
    assert await files.move("orders/a.csv", "orders/done/here") == "orders/done/here/a-1.csv"
    assert await files.move("orders/a.csv", "orders/done/here") is None
    assert (server.root / "orders/done/here/a.csv").read_bytes() == BIG
    assert await files.listing("orders") == ()
    await files.remove("orders/nothing")
    await files.close()


async def test_the_server_wants_the_session_again_and_gets_it(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root") as server:
        stock = ftplib.FTP_TLS(context=ssl._create_unverified_context())
        stock.connect(server.host, server.port, 5)
        stock.login(server.username, server.password)
        stock.prot_p()
        with pytest.raises(ftplib.error_perm, match="session reuse required"):
            stock.nlst()
        stock.close()
        for certificate in (server.certificate, server.fingerprint, server.fingerprint.removeprefix("SHA256:").upper()):
            files = box(server, certificate=certificate)
            assert await files.listing(".") == ()
            await files.close()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"certificate": ""}, "is not trusted: self-signed certificate"),
        ({"certificate": "SHA256:" + "0" * 64}, "is not the pinned one"),
        ({"tls": False}, "must use encryption"),
    ],
)
async def test_another_server_than_it_should_be_never_hears_the_password(
    tmp_path: Path, keys: Path, changes: dict[str, Any], told: str
) -> None:
    with vsftpd(keys, root=tmp_path / "root") as server:
        with pytest.raises(NotAuthorised, match=told):
            await box(server, **changes).check()
        assert "FTP command: Client" in server.log.read_text()
        assert "PASS <" not in server.log.read_text()


async def test_a_wrong_login_is_not_authorised(server: Vsftpd) -> None:
    with pytest.raises(NotAuthorised, match="did not accept the login of 'anonymous'"):
        await box(server, password="wrong").check()


async def test_a_server_without_tls_is_not_spoken_to_in_the_clear(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root", tls=False) as server:
        with pytest.raises(Misconfigured, match="offers no FTPS"):
            await box(server, tls=True, certificate="").check()
        assert "PASS <" not in server.log.read_text()


def test_a_certificate_that_is_none_is_named() -> None:
    for text in ("nonsense", "SHA256:abc", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"):
        with pytest.raises(Misconfigured, match="certificate"):
            Ftp(Login(host="127.0.0.1", username="u", password="p", certificate=text))


async def test_what_is_missing_or_too_large_is_told_apart(server: Vsftpd) -> None:
    files = box(server)
    for call in (files.listing("nowhere"), files.read("nowhere/x", 9), files.write("nowhere/x", b"x"),
                 files.rename("nothing", "orders/x")):  # fmt: skip
        with pytest.raises(NotFound, match=r"127\.0\.0\.1.*no(where|thing)"):
            await call
    await files.write("orders/big", b"x" * 100_000)
    with pytest.raises(Refused, match="larger than the 1000 bytes"):
        await files.read("orders/big", 1000)
    assert await files.read("orders/big", 100_000) == b"x" * 100_000  # the broken-off transfer is no hindrance
    with pytest.raises(Refused, match="line"):
        await files.write("orders/a\nDELE b", b"x")
    await files.close()
    with pytest.raises(TryLater, match="cannot be reached"):
        await box(server, port=free_port()).check()


async def test_a_server_that_lets_nobody_write_says_so(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root", tls=False, write_enable="NO") as server:
        files = box(server)
        with pytest.raises(NotAuthorised, match="has no permission there"):
            await files.write("x", b"x")
        assert await files.listing(".") == ()
        await files.close()


async def test_many_tasks_take_turns_and_a_lost_connection_is_opened_again(server: Vsftpd) -> None:
    files = box(server)
    await asyncio.gather(*(files.write(f"orders/{n}.csv", str(n).encode() * 1000) for n in range(20)))
    server.cut()
    bodies = await asyncio.gather(*(files.read(f"orders/{n}.csv", 10_000) for n in range(20)))
    assert bodies == [str(n).encode() * 1000 for n in range(20)]
    await files.close()


async def test_a_server_that_tells_facts_is_asked_for_them() -> None:
    """Pure-FTPd, another make than the others: MLSD and MLST, a session that begins in ``/``, its own words for a no."""
    with pureftpd() as (settings, root):
        supplier = Connector(msgspec.convert({**settings, "acks_dir": "acks", "settle_seconds": 0}, Config))
        await supplier.stage(PO, BODY)
        assert await supplier.find(PO) is None
        await supplier.submit(PO, BODY)
        assert (root / f"orders/{PO}.csv").read_bytes() == BODY
        assert await supplier.find(PO) is not None
        files = supplier._files
        await files.make_directory("acks")
        await files.write("acks/a b.csv", ACK)
        (entry,) = await files.listing("acks")
        assert (entry, await files.stat("acks/a b.csv")) == (entry, entry)
        assert (entry.size, entry.mtime) == (len(ACK), int((root / "acks/a b.csv").stat().st_mtime))
        page = await supplier.poll(None)
        assert [raw.body for raw in page.items] == [ACK]
        await supplier.finish(page.done)
        assert sorted(path.name for path in (root / "acks/processed").iterdir()) == ["a b.csv"]
        assert await files.listing("acks") == ()
        for call in (files.listing("nowhere"), files.read("nowhere/x", 9), files.write("nowhere/x", b"x")):
            with pytest.raises(NotFound, match="nowhere"):
                await call
        await supplier.close()


# --- killed in the middle ---------------------------------------------------------------------------------------------


async def test_a_server_killed_while_an_order_is_uploaded_has_no_order(tmp_path: Path, keys: Path) -> None:
    staged, final = tmp_path / f"root/orders/.{PO}.csv.part", tmp_path / f"root/orders/{PO}.csv"
    staged.parent.mkdir(parents=True)
    port = free_port()
    with vsftpd(keys, root=tmp_path / "root", port=port, **SLOW) as server:
        async with connected(server) as supplier:
            upload = asyncio.create_task(supplier.stage(PO, BIG))
            await until(lambda: staged.exists() and staged.stat().st_size > 0)
            server.kill()
            with pytest.raises(TryLater):
                await upload
    assert 0 < staged.stat().st_size < len(BIG)
    with vsftpd(keys, root=tmp_path / "root", port=port) as server:
        async with connected(server) as supplier:
            assert await supplier.find(PO) is None
            with pytest.raises(TryLater, match=f"of {len(BIG)} bytes"):
                await supplier.submit(PO, BIG)
            assert not final.exists()
            await supplier.stage(PO, BIG)
            await supplier.submit(PO, BIG)
            assert (final.read_bytes(), staged.exists()) == (BIG, False)
            assert await supplier.find(PO) is not None


async def test_a_session_killed_during_an_upload_is_begun_again_at_once(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root", **SLOW) as server:
        (server.root / "orders").mkdir()
        staged, body = server.root / f"orders/.{PO}.csv.part", BIG[:200_000]
        async with connected(server) as supplier:
            upload = asyncio.create_task(supplier.stage(PO, body))
            await until(lambda: staged.exists() and staged.stat().st_size > 0)
            server.cut()
            await upload
            assert staged.read_bytes() == body


async def test_an_upload_that_was_given_up_leaves_nothing_later(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root", **SLOW) as server:
        (server.root / "orders").mkdir()
        staged = server.root / f"orders/.{PO}.csv.part"
        async with connected(server) as supplier:
            uploads = [asyncio.create_task(supplier.stage(number, BIG)) for number in (PO, "1002-1")]
            await until(lambda: staged.exists() and staged.stat().st_size > 0)
            for upload in reversed(uploads):  # the second has not begun
                upload.cancel()
            await asyncio.gather(*uploads, return_exceptions=True)
            assert all(upload.cancelled() for upload in uploads)
            assert await supplier.find(PO) is None  # a word with the server, after which nothing of it is on its way
            assert 0 < staged.stat().st_size < len(BIG)
            assert [path.name for path in (server.root / "orders").iterdir()] == [staged.name]


async def test_a_server_killed_while_its_answer_is_read_gives_no_half_of_it(tmp_path: Path, keys: Path) -> None:
    with vsftpd(keys, root=tmp_path / "root", **SLOW) as server:
        for name in ("orders", "acks"):
            (server.root / name).mkdir()
        (server.root / "acks/a.csv").write_bytes(ACK)
        async with connected(server) as supplier:
            poll = asyncio.create_task(supplier.poll(None))
            await until(lambda: "RETR" in server.log.read_text())
            server.kill()
            with pytest.raises(TryLater):
                await poll
    with vsftpd(keys, root=tmp_path / "root") as server:
        async with connected(server) as supplier:
            page = await supplier.poll(None)
            assert [raw.body for raw in page.items] == [ACK]
            await supplier.finish(page.done)
            assert (server.root / "acks/processed/a.csv").read_bytes() == ACK


async def test_what_a_supplier_is_still_uploading_is_not_read(server: Vsftpd) -> None:
    supplier_side = box(server)
    async with connected(server, settle_seconds=3_600) as supplier:
        await supplier_side.write("acks/a.csv", ACK[:1000])  # its connection is lost here
        page = await supplier.poll(None)
        await supplier_side.write("acks/a.csv", ACK)
        for _ in range(2):
            page = await supplier.poll(page.next)
            assert page.items == ()
    await supplier_side.close()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_connection_cut_during_the_rename_is_unknown_until_the_directory_is_asked(
    server: Vsftpd, when: str
) -> None:
    proxy = await Cutter.start(server.port)
    async with connected(server, port=proxy.port) as supplier:
        await supplier.stage(PO, BODY)
        send = ftplib.FTP.putcmd

        def cut(session: ftplib.FTP, line: str) -> None:
            if line.startswith("RNTO"):
                proxy.cut_requests, proxy.cut_answers = when == "before", True
            send(session, line)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ftplib.FTP, "putcmd", cut)
            with pytest.raises(OutcomeUnknown, match="while asked to rename"):
                await supplier.submit(PO, BODY)
        proxy.cut_requests = proxy.cut_answers = False
        delivered = await supplier.find(PO)
        assert (delivered is not None) is (when == "after")
        assert (server.root / f"orders/{PO}.csv").exists() is (when == "after")
        if delivered is None:
            await supplier.submit(PO, BODY)
        assert [path.name for path in (server.root / "orders").iterdir()] == [f"{PO}.csv"]
    await proxy.stop()
