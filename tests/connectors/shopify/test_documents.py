"""What we send, and what the demo store plays, held against Shopify's own description of the Admin API."""

from __future__ import annotations

import re

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    validate,
    visit,
)

from engine.connectors.channels.shopify.documents import DOCUMENTS, Document
from engine.demo.channels.shopify_schema import schema
from engine.domain.carriers import CARRIERS
from tests.support.specs import spec

pytestmark = pytest.mark.shared
SPEC = "shopify/admin_2026-10.json.gz"


@pytest.fixture
def shopify(schema_there_is: GraphQLSchema | None) -> GraphQLSchema:
    spec(SPEC)
    assert schema_there_is is not None
    return schema_there_is


@pytest.mark.parametrize("document", DOCUMENTS, ids=[document.name for document in DOCUMENTS])
def test_a_document_is_valid_and_asks_for_nothing_that_goes_away(shopify: GraphQLSchema, document: Document) -> None:
    tree = parse(document.text)
    assert validate(shopify, tree) == []
    info, old = TypeInfo(shopify), []

    class Look(Visitor):
        def enter_field(self, node: object, *_: object) -> None:
            field = info.get_field_def()
            if field is not None and field.deprecation_reason is not None:
                old.append(str(field))

        def enter_argument(self, node: object, *_: object) -> None:
            argument = info.get_argument()
            if argument is not None and argument.deprecation_reason is not None:
                old.append(str(argument))

    visit(tree, TypeInfoVisitor(info, Look()))
    assert old == []


def test_a_document_that_is_wrong_is_found_out(shopify: GraphQLSchema) -> None:
    (error,) = validate(shopify, parse("query Q { orders(first: 1) { nodes { shippedAt } } }"))
    assert "shippedAt" in error.message


def test_the_demo_store_s_schema_is_a_part_of_shopify_s(shopify: GraphQLSchema) -> None:
    wrong = []
    for name, ours in schema().type_map.items():
        if is_introspection_type(ours) or is_specified_scalar_type(ours):
            continue
        theirs = shopify.type_map.get(name)
        if type(theirs) is not type(ours):
            wrong.append(f"{name} is {theirs!r}")
        elif isinstance(ours, GraphQLEnumType):
            wrong += [f"{name}.{value}" for value in ours.values if value not in theirs.values]
        elif isinstance(ours, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            wrong += _unlike(name, ours.fields, theirs.fields)
    assert wrong == []


def _unlike(name: str, ours: dict, theirs: dict) -> list[str]:
    found = []
    for field, mine in ours.items():
        other = theirs.get(field)
        if other is None or str(other.type) != str(mine.type):
            found.append(f"{name}.{field}: {mine.type} and not {other and other.type}")
            continue
        for argument, given in getattr(mine, "args", {}).items():
            taken = other.args.get(argument)
            same = taken is not None and (str(taken.type), taken.default_value) == (
                str(given.type),
                given.default_value,
            )
            if not same:
                found.append(f"{name}.{field}({argument})")
        # What Shopify insists on, the demo store must insist on too.
        needed = [key for key, value in getattr(other, "args", {}).items() if str(value.type).endswith("!")]
        found += [f"{name}.{field} needs {key}" for key in needed if key not in mine.args]
    return found


# --- carriers ---------------------------------------------------------------------------------------------------------


def _names() -> set[str]:
    return {name.strip() for name in spec("carriers/shopify.txt").read_text("utf-8").split("、")}


def test_every_carrier_is_spelled_as_shopify_lists_it() -> None:
    names = _names()
    spelled = {carrier.spellings["shopify"] for carrier in CARRIERS.values() if "shopify" in carrier.spellings}
    assert len(spelled) > 30
    assert spelled - names == set()


def test_no_carrier_that_shopify_lists_goes_without_its_spelling() -> None:
    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    listed = {plain(name): name for name in _names()}
    missing = [
        (carrier.code, listed[plain(name)])
        for carrier in CARRIERS.values()
        for name in (carrier.name, *carrier.aliases)
        if "shopify" not in carrier.spellings and plain(name) in listed
    ]
    assert missing == []
