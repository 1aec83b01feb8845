"""``bluebook web``: the web app."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from tui.cli.command import Noun


def register(root: Noun) -> None:
    """``bluebook web`` is a command."""

    @root.command(
        "web",
        "bluebook web",
        "bluebook web --port 8080",
        "bluebook web --public-url https://orders.example.com --proxy-hops 1",
    )
    async def web(
        host: Annotated[str, typer.Option("--host", help="Where to listen. Default: this machine only.")] = "127.0.0.1",
        port: Annotated[int, typer.Option("--port", help="The port.", min=1, max=65535)] = 8740,
        public_url: Annotated[
            str, typer.Option("--public-url", help="The address people use, where a proxy with TLS stands in front.")
        ] = "",
        proxy_hops: Annotated[
            int,
            typer.Option(
                "--proxy-hops",
                min=0,
                max=10,
                help="How many proxies of yours add people's addresses to X-Forwarded-For. Default: the header is not read.",
            ),
        ] = 0,
    ) -> None:
        """Order History, blue books and settings in the browser, for people with an account.

        `bluebook users add` makes the first one. There is no TLS here: to be reached from other machines, put a proxy in
        front and say by --public-url what it is called.
        """
        serve = importlib.import_module("webui.serve").serve

        def ready(url: str) -> None:
            print(f"Bluebook is at {url}  (Ctrl+C stops it)", file=sys.stderr)

        await serve(host, port, public_url=public_url, proxy_hops=proxy_hops, ready=ready)
