"""EDI files for people: in words, and checked. Reads bytes and nothing else; no database, no connection."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.x12.dictionary import SETS
from engine.domain.x12.reading import read
from engine.domain.x12.scan import scan
from engine.domain.x12.words import explain
from engine.errors import Unreadable


class Checked(msgspec.Struct, frozen=True):
    """What a check found. ``errors`` lose content or leave it uncertain; ``notes`` are wrong and lose nothing."""

    interchanges: int
    sets: int
    read: int
    errors: tuple[str, ...]
    notes: tuple[str, ...]


def in_words(body: bytes, *, segments: bool = False) -> list[str]:
    """The file in words, line by line, and what is wrong with it at the end."""
    file = scan(body)
    lines = list(explain(file, segments=segments))
    found = file.all_findings()
    if found:
        lines += ["", "What is wrong:", *(f"  {finding.level}: {finding}" for finding in found)]
    return lines


def documents(body: bytes) -> list[dict[str, Any]]:
    """Each set as plain data, with what it says or why it is not read."""
    found = []
    for interchange in scan(body).interchanges:
        for group in interchange.groups:
            for item in group.sets:
                about: dict[str, Any] = {
                    "interchange": interchange.control, "sender": interchange.sender, "receiver": interchange.receiver,
                    "group": group.control, "version": group.version, "set": item.code, "control": item.control,
                    "name": SETS.get(item.code, ""),
                }  # fmt: skip
                try:
                    about["says"] = msgspec.to_builtins(read(item))
                    about["error"] = None
                except Unreadable as error:
                    about["says"], about["error"] = None, error.message
                about["findings"] = [str(finding) for finding in item.findings]
                found.append(about)
    return found


def check(body: bytes) -> Checked:
    """Every set was read as it would be if a supplier sent it; what is wrong, each at its place."""
    file = scan(body)
    sets = readable = 0
    errors: list[str] = []
    for item in (item for i in file.interchanges for group in i.groups for item in group.sets):
        sets += 1
        try:
            read(item)
            readable += 1
        except Unreadable as error:
            errors.append(error.message)
    found = file.all_findings()
    errors = list(dict.fromkeys([*(str(finding) for finding in found if finding.level == "error"), *errors]))
    told = set(errors)
    notes = tuple(str(finding) for finding in found if finding.level == "note" and str(finding) not in told)
    return Checked(len(file.interchanges), sets, readable, tuple(errors), notes)
