"""The connectors that are here, whoever brought them, and the beginning of a new one as a package of its own."""

from __future__ import annotations

import re
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

import msgspec

from engine.connectors import registry
from engine.errors import BluebookError, Invalid

Kind = Literal["channels", "suppliers"]
_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_PARTS = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "connector.py.txt": "bluebook_$slug/connector.py",
    "test_connector.py.txt": "tests/test_connector.py",
}
_MORE: dict[Kind, dict[str, str]] = {"suppliers": {}, "channels": {"sim.py.txt": "tests/sim.py"}}


class Plugin(msgspec.Struct, frozen=True):
    """A connector. ``package`` is what brought it, with its version; ``problem`` says why it cannot be used."""

    kind: Kind
    slug: str
    name: str
    package: str
    docs: str = ""
    problem: str = ""


def connectors() -> list[Plugin]:
    """Every connector of both kinds, by kind and slug. One that cannot be loaded is among them, with the reason."""
    found = []
    kinds: tuple[Kind, ...] = ("channels", "suppliers")
    for kind in kinds:
        own = registry.slugs(kind)
        packages = {point.name: point.dist for point in entry_points(group=f"bluebook.{kind}")}
        for slug in registry.available(kind):
            dist = None if slug in own else packages[slug]
            package = f"{dist.name} {dist.version}" if dist else f"bluebook {version('bluebook')}"
            found.append(_plugin(kind, slug, package))
    return found


def _plugin(kind: Kind, slug: str, package: str) -> Plugin:
    load = registry.channel_type if kind == "channels" else registry.supplier_type
    try:
        connector = load(slug)
        return Plugin(kind, slug, connector.name, package, connector.docs_url)
    except BluebookError as error:
        return Plugin(kind, slug, slug, package, problem=error.message)


def new_supplier(name: str, title: str, folder: Path) -> list[Path]:
    """A package with a connector that works against an invented API, and its tests, lies in ``folder/bluebook-NAME``.

    Returns its files. Raises Invalid for a name that cannot be used and for a folder that is there already.
    """
    return _begin("suppliers", name, title, folder)


def new_channel(name: str, title: str, folder: Path) -> list[Path]:
    """The same for a channel; its tests hold it against the cases that every channel must keep."""
    return _begin("channels", name, title, folder)


def _begin(kind: Kind, name: str, title: str, folder: Path) -> list[Path]:
    noun = kind.removesuffix("s")
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} cannot be a connector's name: small letters, digits and _, beginning with a letter", "name"
        )
    if name in registry.available(kind):
        raise Invalid(f"there is a {noun} connector called {name} already; `bluebook plugins ls` lists them", "name")
    target = folder / f"bluebook-{name.replace('_', '-')}"
    if target.exists():
        raise Invalid(f"{target} is there already; choose another name or folder, nothing was written", "folder")
    words = {"slug": name, "dashed": name.replace("_", "-"), "title": title or name.replace("_", " ").title()}
    if not words["title"].isprintable() or any(c in words["title"] for c in '"\\{}'):
        raise Invalid("a title is one line without quotes, braces and backslashes", "title")
    source = files("engine.services") / f"new_{noun}"
    parts = _PARTS | _MORE[kind]
    texts = {to: (source / part).read_text("utf-8") for part, to in parts.items()}
    texts["bluebook_$slug/__init__.py"] = f'"""$title as a {noun} of Bluebook."""\n'
    try:
        return [_write(target / Template(to).substitute(words), text, words) for to, text in texts.items()]
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error.strerror}", "folder") from error


def _write(path: Path, text: str, words: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(text).substitute(words), "utf-8")
    return path
