"""Print everything against the project's own rules as ``path:line: message — what to do``; exit 1 where there is any."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.lint.rules import CODE, Finding, findings

ROOT = Path(__file__).parents[2]
ALLOWED = "tests/lint/allowed.toml"
Allowed = Mapping[str, Mapping[str, str]]


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Every Python file of ours with its text."""
    for top in (*CODE, "tests"):
        for path in sorted((root / top).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix(), path.read_text("utf-8")


def allowed(text: str) -> dict[str, dict[str, str]]:
    """By rule, the paths that may break it with their reasons; raises ValueError for an entry without a reason."""
    found: dict[str, dict[str, str]] = {}
    for rule, entries in tomllib.loads(text).items():
        for entry in entries:
            if not entry.get("reason", "").strip():
                raise ValueError(f"{ALLOWED}: {rule} {entry.get('path')} has no reason")
            found.setdefault(rule, {})[entry["path"]] = entry["reason"]
    return found


def lint(files: Iterable[tuple[str, str]], may: Allowed) -> list[Finding]:
    """What is against the rules and not allowed, and what is allowed and need not be."""
    found: list[Finding] = []
    used: set[tuple[str, str]] = set()
    for path, source in files:
        for finding in findings(path, source):
            if path in may.get(finding.rule, {}):
                used.add((finding.rule, path))
            else:
                found.append(finding)
    for rule, paths in may.items():
        for path in paths:
            if (rule, path) not in used:
                found.append(Finding(ALLOWED, 1, f"{path} breaks {rule} no more", "remove the entry", "allowed"))
    return sorted(found)


def main() -> int:
    """Every finding is printed; 1 where there is one."""
    found = lint(sources(ROOT), allowed((ROOT / ALLOWED).read_text("utf-8")))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
