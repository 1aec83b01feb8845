"""The 997 that answers what came in: for each functional group, which of its sets could be read. Receipt, not acceptance.

A set is refused where its segments are missing or damaged, accepted with errors noted where somebody miscounted, and
accepted otherwise, also when what it says needs a person here: that is our matter, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.domain.x12.reading import READERS, read
from engine.domain.x12.scan import Finding, Group, Interchange, Set
from engine.errors import Unreadable

Segments = list[list[str]]
_MOST_ERRORS = 5  # AK5 and AK9 have room for so many codes
_MOST_SEGMENTS = 200  # of one set, so that a file of rubbish is not answered at its own length


def receipts(interchange: Interchange) -> Iterator[tuple[Group, Segments]]:
    """The body of a 997 for each group that is owed one: none for groups of 997s, or the two sides would never stop."""
    for group in interchange.groups:
        if not group.implicit and group.functional != "FA":
            yield group, _receipt(group)


def _receipt(group: Group) -> Segments:
    newer = group.version[:6] >= "005010"
    out = [["AK1", group.functional[:2] or "??", group.control[:9] or "0", *([group.version[:12]] if newer else [])]]
    accepted = noted = 0
    for item in group.sets:
        segments, verdict = _answer(item)
        out += segments
        accepted += verdict != "R"
        noted += verdict == "E"
    said = group.trailer.get(1) if group.trailer else ""
    count = len(group.sets)
    codes = [finding.code for finding in group.findings if finding.scope == "group" and finding.code][:_MOST_ERRORS]
    if accepted == 0 and count:
        verdict = "R"
    elif accepted < count:
        verdict = "P"
    else:
        verdict = "E" if noted or codes else "A"
    sent = said if said.isascii() and said.isdigit() and len(said) <= 6 else str(count)
    out.append(["AK9", verdict, str(int(sent)), str(count), str(accepted), *codes])
    return out


def _answer(item: Set) -> tuple[Segments, str]:
    bad = [*_damage(item)]
    refused = any(finding.level == "error" for finding in bad) or item.code not in READERS
    out = [["AK2", item.code[:3] or "???", item.control[:9] or "0000"]]
    codes: list[str] = ["1"] if item.code not in READERS else []
    codes += [finding.code for finding in bad if finding.scope == "set"]
    inside = [finding for finding in bad if finding.scope in ("segment", "element")][:_MOST_SEGMENTS]
    for finding in inside:
        if finding.scope == "segment":
            out.append(["AK3", finding.tag[:3], str(finding.segment), "", finding.code or "8"])
        else:
            out.append(["AK3", finding.tag[:3], str(finding.segment), "", "8"])
            out.append(["AK4", str(finding.element), "", finding.code or "7"])
    if inside:
        codes.append("5")
    verdict = "R" if refused else "E" if bad else "A"
    out.append(["AK5", verdict, *list(dict.fromkeys(code for code in codes if code))[:_MOST_ERRORS]])
    return out, verdict


def _damage(item: Set) -> Iterator[Finding]:
    """What was miscounted, and what keeps the set from being read."""
    yield from (finding for finding in item.findings if finding.scope == "set")
    if item.code not in READERS:
        return
    before = len(item.findings)
    try:
        read(item)
    except Unreadable as error:
        found = [finding for finding in item.findings if finding.level == "error" and finding.scope != "set"]
        # A value that is no date, no number or missing is damage; one that is a code we do not know is not.
        found += [
            Finding("error", finding.scope, finding.text, finding.code, finding.place, finding.tag, finding.segment,
                    finding.element, finding.at)
            for finding in item.findings[before:]
            if finding.scope == "element" and str(finding) == error.message
        ]  # fmt: skip
        yield from found
    finally:
        # Looked at again by whoever reads it.
        del item.findings[before:]
