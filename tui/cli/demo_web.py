"""The web app beside the demo: a process of its own, somebody to log in as, and what the screen says of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from pathlib import Path

NAME = "demo"
PORT = 8740
START_SECONDS = 20.0


class DemoWeb:
    """Started once the demo is open; ``url`` is "" until it answers. Where it cannot, ``lines`` say why."""

    def __init__(self, folder: Path) -> None:
        from engine.demo.children import Child

        self._child = Child("web app", folder / "web.log")
        self.password = ""
        self.url = ""
        self._why_not = ""

    @property
    def lines(self) -> list[str]:
        """What people are told."""
        if self._why_not:
            return [f" In the browser: {self._why_not}"]
        return [f" In the browser: {self.url}  (log in as {NAME}, password {self.password})"] if self.url else []

    async def start(self) -> None:
        """It answers, and somebody can log in; or it is known why not."""
        from engine.demo import home
        from engine.services import accounts
        from engine.services.lifecycle import Actor
        from engine.settings import settings

        if not built():
            self._why_not = "the web app is not built; `make run` or `make web` builds it"
            return
        self.password = f"blue-{secrets.token_hex(4)}"
        await accounts.add_user(NAME, "admin", Actor("demo", "person"), password=self.password)
        port = _port()
        environment = home.environment(settings(), os.environ)
        await self._child.start("webui.beside", str(os.getpid()), str(port), environment=environment)
        loop = asyncio.get_running_loop()
        until = loop.time() + START_SECONDS
        while loop.time() < until and self._child.runs:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                self.url = f"http://127.0.0.1:{port}"
                return
        self._why_not = f"the web app did not start; its log is {self._child.log}"

    async def stop(self) -> None:
        """It is gone."""
        await self._child.stop()


def built() -> bool:
    """Is there a front end to serve?"""
    from importlib.util import find_spec

    found = find_spec("webui")
    return any(
        (Path(place) / "_dist" / "built-from").is_file() for place in (found and found.submodule_search_locations) or ()
    )


def _port() -> int:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", PORT))
        except OSError:
            tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
