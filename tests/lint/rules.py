"""The rules: each takes a parsed file and yields what it finds, by line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

CODE = ("engine", "tui", "webui", "workers")
MAX_FILE = 500
MAX_FUNCTION = 60
STATES = frozenset({"state", "push", "transit", "status"})
_COLUMNS = {"purchase_orders": {"state"}, "shipments": {"push", "transit"}, "orders": {"status"}}
_SETTERS = frozenset({"put", "move", "update", "update_or_create", "update_from_dict", "bulk_update", "replace"})
_RECORDS = frozenset({"PurchaseRecord", "ShipmentRecord", "OrderRecord"})
_MODELS = frozenset({"PurchaseOrder", "Shipment", "Order"})
_UPDATE = re.compile(
    r"\bUPDATE\s+(\w+)(?:\s+AS\s+\w+|\s+(?!SET\b)\w+)?\s+SET\s+(.*?)(?:\bWHERE\b|\bRETURNING\b|$)", re.I | re.S
)
_INSERT = re.compile(r"\bINSERT\s+INTO\s+(\w+)", re.I)
_MOVE = "call lifecycle.Work.move, the only writer of a state"


class Finding(msgspec.Struct, frozen=True, order=True):
    """Something against a rule: where, what, and what to do about it."""

    path: str
    line: int
    message: str
    todo: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} — {self.todo}"


def findings(path: str, source: str) -> Iterator[Finding]:
    """Everything the rules find in a file, whatever is allowed."""
    tree = ast.parse(source)
    in_code = PurePosixPath(path).parts[0] in CODE
    rules = [_sizes(tree, source)]
    if in_code:
        rules.append(_state_writes(tree))
    if path.startswith("engine/services/"):
        rules.append(_docstrings(tree))
    for rule in rules:
        for name, line, message, todo in rule:
            yield Finding(path, line, message, todo, name)


Found = Iterator[tuple[str, int, str, str]]


def _sizes(tree: ast.Module, source: str) -> Found:
    lines = source.count("\n")
    if lines > MAX_FILE:
        yield "long_file", MAX_FILE + 1, f"the file has {lines} lines, {MAX_FILE} are the limit", "split it by verb"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                message = f"{node.name} has {length} lines, {MAX_FUNCTION} are the limit"
                yield "long_function", node.lineno, message, "give its parts names of their own"


def _docstrings(tree: ast.Module) -> Found:
    if tree.body and not ast.get_docstring(tree):
        yield "docstring", 1, "the module has no docstring", "say in a line what is true of it"
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            message = f"{node.name} is public and has no docstring"
            yield "docstring", node.lineno, message, "say in its first line what is true afterwards"


# --- states are written in one place ----------------------------------------------------------------------------------


def _state_writes(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            yield from _assignments(node)
        elif isinstance(node, ast.Call):
            yield from _calls(node)
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield from _sql(node)


def _assignments(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Found:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in [inner for outer in targets for inner in ast.walk(outer)]:
        if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store) and target.attr in STATES:
            own = isinstance(target.value, ast.Name) and target.value.id in ("self", "cls")
            if not own:
                yield "state_write", target.lineno, f".{target.attr} is assigned", _MOVE


def _calls(node: ast.Call) -> Found:
    name = _name(node.func)
    if name in ("setattr", "__setattr__") and any(_text(arg) in STATES for arg in node.args[:2]):
        yield "state_write", node.lineno, f"{name} sets a state", _MOVE
    if name in ("insert", "many") and node.args and _text(node.args[0]) in _COLUMNS:
        yield (
            "state_write",
            node.lineno,
            f"rows are inserted into {_text(node.args[0])}",
            "use lifecycle.Work.new_order …",
        )
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    for literal in [k.value for k in node.keywords if k.arg is None] + list(node.args):
        if isinstance(literal, ast.Dict):
            given |= {_text(key) or "": value for key, value in zip(literal.keys, literal.values, strict=True) if key}
    written = sorted(given.keys() & STATES)
    if name in _SETTERS:
        yield from (("state_write", node.lineno, f"{name}({field}=…) sets a state", _MOVE) for field in written)
    made = name in _RECORDS or name in _MODELS
    made = made or (name in ("create", "get_or_create") and _name(getattr(node.func, "value", node)) in _MODELS)
    if made:
        for field in written:
            if _text(given[field]) != "":
                todo = 'leave it "": lifecycle.Work gives a new record its first state'
                yield "state_write", node.lineno, f"a new {name} is given a {field}", todo


def _sql(node: ast.JoinedStr | ast.Constant) -> Found:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(_text(part) if isinstance(part, ast.Constant) else "{}" for part in parts)
    for table, sets in _UPDATE.findall(text):
        for column in sorted(_COLUMNS.get(table.lower(), ())):
            if re.search(rf"\b{column}\s*=", sets, re.I):
                yield "state_write", node.lineno, f"SQL sets {table}.{column}", _MOVE
    for table in _INSERT.findall(text):
        if table.lower() in _COLUMNS:
            yield "state_write", node.lineno, f"SQL inserts into {table}", "use lifecycle.Work.new_order …"


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
