"""Templates that people write: Jinja in its immutable sandbox, with an end to how long they run and how much they make.

Jinja's sandbox keeps a template away from Python; it does not keep it from running for ever or filling the memory. Here every
turn of a loop and every character counts, what could run on by itself (macros, recursive loops) is refused when the template
is saved, and filters and methods are those of a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import Invalid, Misconfigured

MAX_TEMPLATE = 64 * 1024  # characters
MAX_DOCUMENT = 8 * 1024 * 1024
MAX_TURNS = 1_000_000  # of all loops of one document together
_FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "forceescape", "groupby",
    "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round",
    "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper",
})  # fmt: skip
_METHODS = frozenset({
    "capitalize", "count", "endswith", "find", "get", "isalnum", "isalpha", "isdigit", "items", "keys", "lower", "lstrip",
    "removeprefix", "removesuffix", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values",
})  # fmt: skip
_ENDLESS = (nodes.Macro, nodes.CallBlock, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block,
            nodes.FilterBlock, nodes.AssignBlock)  # fmt: skip
_GROWS = (nodes.Concat, nodes.Add, nodes.Filter)
_GOES_WRONG = (
    jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError,
)  # fmt: skip


class _TooMuch(jinja2.TemplateRuntimeError):
    """The template makes more than a document may be."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Text does not grow by multiplying, and only harmless methods can be called."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(value, (int, float)) for value in (left, right)):
            raise _TooMuch(f"{operator} is for numbers here" if operator != "**" else "** is not available")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> None:
        """Its widths have no bound, so ``str.format`` is a method like others that are not on the list."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return super().is_safe_attribute(obj, attr, value) and (not callable(value) or attr in _METHODS)


class Template:
    """A template ready to be filled in. Raises Misconfigured, with the line, for what cannot be one."""

    def __init__(self, source: str, *, autoescape: bool, filters: Mapping[str, Callable[..., str]]) -> None:
        if len(source) > MAX_TEMPLATE:
            raise Misconfigured(f"the template is longer than {MAX_TEMPLATE} characters")
        self._turns = 0
        sandbox = _Sandbox(
            autoescape=autoescape, undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
            newline_sequence="\r\n" if "\r\n" in source else "\n",  # as it is written; Jinja would make them all one
        )  # fmt: skip
        sandbox.globals = {"range": self._range, "counted": self._counted, "bounded": _bounded}
        sandbox.filters = {name: made for name, made in sandbox.filters.items() if name in _FILTERS}
        sandbox.filters |= {"replace": _replace, "join": _join, **filters}
        try:
            tree = sandbox.parse(source)
            _refuse(tree)
            self._template = sandbox.from_string(_guarded(tree))
        except jinja2.TemplateSyntaxError as error:
            raise Misconfigured(f"the template, line {error.lineno}: {error.message}") from error
        except (jinja2.TemplateError, RecursionError) as error:
            raise Misconfigured(f"the template cannot be read: {error}") from error

    def fill(self, values: Mapping[str, Any], subject: str) -> str:
        """The document. Raises Invalid, naming the subject, where the template goes wrong or does not end."""
        self._turns = 0
        parts, size = [], 0
        try:
            for part in self._template.generate(**values):
                size += len(part)
                if size > MAX_DOCUMENT:
                    raise _TooMuch(f"the document is over {MAX_DOCUMENT} characters long")
                parts.append(part)
        except _GOES_WRONG as error:
            raise Invalid(f"the template cannot be filled in for {subject}: {error or type(error).__name__}") from error
        return "".join(parts)

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._turns += 1
            if self._turns > MAX_TURNS:
                raise _TooMuch(f"its loops make more than {MAX_TURNS:,} turns")
            yield item

    def _range(self, *given: int) -> range:
        found = range(*given)
        if len(found) > MAX_TURNS:
            raise _TooMuch(f"a range of more than {MAX_TURNS:,}")
        return found


def _refuse(tree: nodes.Template) -> None:
    for node in tree.find_all((*_ENDLESS, nodes.For)):
        if not isinstance(node, nodes.For) or node.recursive:
            what = "a recursive loop" if isinstance(node, nodes.For) else type(node).__name__.lower()
            raise jinja2.TemplateSyntaxError(f"{what} is not available here", node.lineno)


def _guarded(tree: nodes.Template) -> nodes.Template:
    """The same template, counting its loops' turns and what it joins."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _call("counted", loop.iter)
    for parent in list(tree.find_all(nodes.Node)):
        for name, value in list(parent.iter_fields()):
            if isinstance(value, _GROWS):
                setattr(parent, name, _call("bounded", value))
            elif isinstance(value, list):
                setattr(parent, name, [
                    _call("bounded", item) if isinstance(item, _GROWS) else item for item in value
                ])  # fmt: skip
    return tree


def _call(name: str, inner: nodes.Node) -> nodes.Expr:
    call = nodes.Call(nodes.Name(name, "load"), [inner], [], None, None)
    call.set_lineno(inner.lineno)
    if inner.environment is not None:
        call.set_environment(inner.environment)
    return call


def _bounded(value: Any) -> Any:
    if isinstance(value, (str, list, tuple)) and len(value) > MAX_DOCUMENT:
        raise _TooMuch(f"a text of over {MAX_DOCUMENT} characters")
    return value


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    if len(text) + text.count(old) * len(new) > MAX_DOCUMENT:
        raise _TooMuch(f"a text of over {MAX_DOCUMENT} characters")
    return text.replace(old, new)


def _join(items: Iterable[Any], between: str = "") -> str:
    texts = [str(item) for item in items]
    if sum(map(len, texts)) + len(texts) * len(between) > MAX_DOCUMENT:
        raise _TooMuch(f"a text of over {MAX_DOCUMENT} characters")
    return between.join(texts)


_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
MAX_WIDTH = 10_000


def fitted(
    value: str, width: int, align: str = "left", fill: str = " ", *, cut: bool = False, name: str = "a value"
) -> str:
    """The value in exactly ``width`` characters, on one line. Raises ValueError where it does not fit and may not be cut."""
    if not 0 < width <= MAX_WIDTH or len(fill) != 1:
        raise ValueError(f"{name}: a width from 1 to {MAX_WIDTH} and one character to fill it are needed")
    text = _BREAKS.sub(" ", value)
    if len(text) > width:
        if not cut:
            raise ValueError(f"{name}: {text!r} has {len(text)} characters where {width} fit")
        text = text[:width]
    return text.rjust(width, fill) if align == "right" else text.ljust(width, fill)
