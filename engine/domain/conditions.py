"""Conditions people write (CEL): compiled once, bounded in length, evaluated over an order's facts.

``order`` has the fields of ``ORDER``, ``line``, in routing rules, those of ``LINE``; money is in minor units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rapidfuzz import process

from engine.errors import Invalid

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 2000
_SHOWN = 40  # characters of a condition shown before and after what is wrong with it
ORDER: Mapping[str, Any] = {
    "number": "1001", "channel": "Shop", "currency": "USD", "total": 14820, "items": 13500, "shipping": 1320,
    "country": "US", "region": "TX", "postal_code": "77429", "email": "ada@example.com", "rate": "Free Shipping",
    "payment": "paid", "quantity": 3, "skus": ["LAMP-BR"],
}  # fmt: skip
"""What can be asked about an order, with an example of each."""
LINE: Mapping[str, Any] = {"sku": "LAMP-BR", "title": "Wall lamp, brass", "quantity": 2, "price": 6750}
"""What can be asked about an order's line, with an example of each."""

_FACTS: Mapping[str, Mapping[str, Any]] = {"order": ORDER, "line": LINE}
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_FIELD = re.compile(r"(?<![\w.])(order|line)\s*\.\s*([A-Za-z_]\w*)")
_WORD = re.compile(r"[&|=!<>]+|\w+|\S")
_TROUBLE = (ValueError, TypeError, RuntimeError, LookupError, ArithmeticError)  # what running a condition raises
_KINDS = {bool: "yes or no", int: "a number", float: "a number", str: "text", list: "a list", dict: "several values"}
_INSTEAD = {
    "and": "write && for “and”", "or": "write || for “or”", "not": "write ! for “not”", "=": "write == for “equals”",
    "<>": "write != for “is not”", "like": "write .contains(…) or .startsWith(…) for “like”",
    "is": "write == for “is”",
}  # fmt: skip
_QUOTES = "“”„‘’‚«»`´"


@lru_cache(maxsize=512)
def compiled(condition: str) -> cel.Program:
    """The condition, ready to run; raises Invalid saying where it is wrong and what to write instead."""
    # Here, because it brings its own command line along: ten megabytes, which most workers never need.
    import cel

    if len(condition) > MAX_LENGTH:
        raise Invalid(f"a condition has at most {MAX_LENGTH} characters; this one has {len(condition)}", "condition")

    try:
        return cel.compile(condition)
    except ValueError as error:
        raise Invalid(f"the condition cannot be read {_where(condition, str(error))}", "condition") from error


def check(condition: str, *about: str) -> None:
    """The condition can be read, and asks only what can be known ``about`` these ("order", "line"); raises Invalid.

    An empty one always holds. Kinds that do not fit (text compared with a number) are found as far as an example shows.
    """
    if not condition.strip():
        return
    program = compiled(condition)
    for name, place in _asked(condition):
        if name not in about:
            raise Invalid(f"at character {place} the condition asks about the {name}, but it is about "
                          f"the {' and the '.join(about)}", "condition")  # fmt: skip
    for name, field, place in _fields(condition):
        if field not in _FACTS[name]:
            raise Invalid(f"at character {place}: {_unknown_field(name, field)}", "condition")
    try:
        result = program.execute({name: dict(_FACTS[name]) for name in about})
    except (TypeError, RuntimeError, KeyError) as error:
        raise Invalid(f"the condition cannot be decided: {_undecided(condition, error)}", "condition") from error
    except _TROUBLE:
        return  # of this example only: a list that is shorter than expected, a division by zero
    _yes_or_no(condition, result)


def holds(condition: str, facts: dict[str, Any]) -> bool:
    """Does it hold? An empty one always does. Raises Invalid when it cannot be decided (an unknown name, not a yes or no)."""
    if not condition.strip():
        return True
    try:
        result = compiled(condition).execute(facts)
    except _TROUBLE as error:
        reason = _undecided(condition, error)
        raise Invalid(f"the condition {condition!r} cannot be decided: {reason}", "condition") from error
    return _yes_or_no(condition, result)


def _yes_or_no(condition: str, result: Any) -> bool:
    if isinstance(result, bool):
        return result
    kind = _KINDS.get(type(result), type(result).__name__)
    raise Invalid(f"the condition {condition!r} gives {kind} and not yes or no: compare it with something", "condition")


def _unknown_field(name: str, field: str) -> str:
    known = _FACTS[name]
    best = process.extractOne(field, known.keys(), score_cutoff=70)
    meant = f" (did you mean {name}.{best[0]}?)" if best else ""
    return f"{'an' if name == 'order' else 'a'} {name} has no {field!r}{meant}; it has {', '.join(known)}"


def _undecided(condition: str, error: Exception) -> str:
    said = str(error)
    if isinstance(error, KeyError):
        for name, field, place in _fields(condition):
            if repr(field) == said:
                return f"{_unknown_field(name, field)} (character {place})"
        return f"there is nothing called {said}"
    if "No such overload" in said:
        return (
            "kinds do not fit, such as text compared with a number: text is written in quotes, numbers without; "
            "string(…), int(…) and double(…) turn one into another"
        )
    unknown = re.search(r"Undefined variable or function: '([^']+)'", said)
    if unknown is None:
        return said.partition(". ")[0]
    word = unknown[1]
    place = next((m.start() + 1 for m in re.finditer(rf"(?<!\w){re.escape(word)}\b", _blanked(condition))), 1)
    if condition[: place - 1].rstrip().endswith("."):
        return f"there is no function {word!r} (character {place})"
    owner = next((name for name, known in _FACTS.items() if word in known), None)
    hint = f"write {owner}.{word}" if owner else f'text is written in quotes, as in "{word}"; known are order and line'
    return f"{word!r} at character {place} is not known: {hint}"


# --- where it is wrong ------------------------------------------------------------------------------------------------


def _where(condition: str, said: str) -> str:
    """The parser's first complaint as a sentence, with its place in the condition."""
    found = _ERROR.search(said)
    if found is None:
        return f"({said.splitlines()[0][:200] if said else 'no reason was given'})"
    line, column, reason = int(found[1]), int(found[2]), found[3]
    lines = condition.splitlines() or [""]
    text = lines[line - 1] if line <= len(lines) else ""
    at = f"at character {column}" if len(lines) == 1 else f"in line {line}, at character {column}"
    rest = text[column - 1 :]
    if not rest.strip() or "<EOF>" in reason.partition(" expecting ")[0]:
        missing = re.search(r"missing '(.+?)' at", reason) or _unclosed(condition)
        if missing:
            return f"to its end: a {missing[1]} is missing"
        last = (_WORD.findall(condition) or [""])[-1][-_SHOWN:]
        return f"to its end: something is missing after {last!r}" if last else ": it is empty"
    if not reason.startswith("Syntax error"):
        return f"{at}: {reason}"
    before = text[: column - 1]
    return f"{at}: {_instead(before, rest, reason)}, in “{before[-_SHOWN:]} ▸ {rest[:_SHOWN].strip()}”"


def _instead(before: str, rest: str, reason: str) -> str:
    symbol = re.match(r"\w+|\S", rest)
    word = symbol[0] if symbol else rest[:1]
    for wrong in re.findall(r"(?:not|[<>])\s*$", before):
        if wrong.strip() == "not" or word == ">":
            return _INSTEAD["not" if wrong.strip() == "not" else "<>"]
    if word[0] in _QUOTES:
        return f"{word[0]} does not quote; write ' or \""
    if word[0] in "'\"" and "token recognition" in reason:
        return f"the text that begins here has no closing {word[0]}"
    if word.lower() in _INSTEAD:
        return _INSTEAD[word.lower()]
    if word.isdecimal() or word[0] in "'\"" or word[0].isalpha():
        return f"{word!r} does not belong here; what joins it to what is before (==, >, &&, …) may be missing"
    return f"{word!r} does not belong here"


def _unclosed(condition: str) -> re.Match[str] | None:
    bare = _blanked(condition)
    for opening, closing in ("()", "[]"):
        if bare.count(opening) > bare.count(closing):
            return re.match(r"(.)", closing)
    return None


def _blanked(condition: str) -> str:
    """The condition with its quoted texts blank, every other character where it was."""
    return _STRING.sub(lambda match: " " * len(match[0]), condition)


def _asked(condition: str) -> Iterator[tuple[str, int]]:
    for match in re.finditer(r"(?<![\w.])(order|line)\b", _blanked(condition)):
        yield match[1], match.start() + 1


def _fields(condition: str) -> Iterator[tuple[str, str, int]]:
    for match in _FIELD.finditer(_blanked(condition)):
        yield match[1], match[2], match.start() + 1
