"""``keys.toml`` in Bluebook's home: other keys for actions. What cannot be is told, and the default holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from engine.settings import settings
from tui.actions import ACTIONS
from tui.keys import Keymap

FILE = "keys.toml"
NEVER = ("ctrl+j", "ctrl+m", "ctrl+i", "ctrl+h")
"""A terminal sends the same for these as for Enter, Enter, Tab and Backspace."""
CONFIRMS = ("yes",)


def path() -> Path:
    """Where it is looked for."""
    return settings().home_path / FILE


def read(file: Path) -> tuple[Keymap, list[str]]:
    """The keymap in force, and a sentence for each thing in the file that cannot be. No file: the defaults."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return Keymap(), []
    except (OSError, UnicodeDecodeError) as error:
        return Keymap(), [f"{file} cannot be read ({error}): the default keys hold"]
    try:
        given = tomllib.loads(text).get("keys", {})
    except tomllib.TOMLDecodeError as error:
        return Keymap(), [f"{file} is no TOML ({error}): the default keys hold"]
    wanted: dict[str, tuple[str, ...]] = {}
    wrong: list[str] = []
    for name, value in given.items() if isinstance(given, dict) else ():
        keys = tuple(value) if isinstance(value, list) else (value,)
        problem = _problem(name, keys)
        if problem:
            wrong.append(f"{file.name}, line {_line(text, name)}: {problem}")
        else:
            wanted[name] = tuple(str(key) for key in keys)
    return _without_conflicts(wanted, wrong, file, text)


def _problem(name: str, keys: tuple[object, ...]) -> str:
    if name not in ACTIONS:
        return f"there is no action {name}"
    if not all(isinstance(key, str) and key.strip() for key in keys):
        return f'{name}: keys are words, as in {name} = ["x"]'
    for stroke in (stroke for key in keys for stroke in str(key).split()):
        if stroke in NEVER or stroke.startswith("alt+"):
            return f"{name}: {stroke} is no key that every terminal tells from others"
    if name in CONFIRMS and "enter" in keys:
        return "yes: a question is never answered by Enter"
    return ""


def _without_conflicts(
    wanted: dict[str, tuple[str, ...]], wrong: list[str], file: Path, text: str
) -> tuple[Keymap, list[str]]:
    """Keys that would mean two things in one place are left out, those of the file first."""
    while True:
        keymap = Keymap(wanted)
        bad = next((c for c in keymap.conflicts if c.first in wanted or c.second in wanted), None)
        if bad is None:
            return keymap, wrong
        name = bad.second if bad.second in wanted else bad.first
        other = bad.first if name == bad.second else bad.second
        wrong.append(f"{file.name}, line {_line(text, name)}: {bad.key} for {name} is taken by {other}")
        del wanted[name]


def _line(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", line):
            return number
    return 1
