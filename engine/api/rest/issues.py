"""Why orders need a person, what can be done about it, and doing it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.api.rest.reading import Id
from engine.api.rest.table import Call, route
from engine.domain.issues import Resolution
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid
from engine.services import choices, resolve, resolving, suggest
from engine.services.choices import Choice
from engine.services.resolving import OpenIssue, Resolved
from engine.services.suggest import Suggestions

Words = Annotated[str, Meta(max_length=2_000)]
Sku = Annotated[str, Meta(min_length=1, max_length=200)]
Part = Annotated[str, Meta(max_length=300)]
Pieces = Annotated[int, Meta(ge=1, le=100_000)]


class Issues(msgspec.Struct, frozen=True):
    """The open Issues of an order, those that keep it from being sent first."""

    issues: list[OpenIssue]


class Choices(msgspec.Struct, frozen=True):
    """Every way to resolve an Issue, the likeliest first. One is sent back as `how` and its `args` beside it, with what
    its `needs` names added."""

    choices: list[Choice]
    about: Suggestions


class ChoiceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which products are suggested."""

    q: Annotated[str, Meta(max_length=200, description="Only products like this.")] = ""


class _Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="how"):
    def args(self) -> dict[str, Any]:
        """What the service takes beside the Issue."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class MapShipping(_Way, frozen=True, kw_only=True, tag="map_shipping"):
    """The purchase order goes by the method with this code; remembered, so does its rate at this supplier from now on."""

    method: Annotated[str, Meta(min_length=1, max_length=80)]
    remember: bool = True


class MapSku(_Way, frozen=True, kw_only=True, tag="map_sku"):
    """The line is this product, or this kit (product SKU -> pieces); remembered, so is the channel's SKU from now on."""

    product: Sku | Annotated[dict[Sku, Pieces], Meta(min_length=1, max_length=100)]
    remember: bool = True


class FixAddress(_Way, frozen=True, kw_only=True, tag="fix_address"):
    """These fields of the address are as given; the others stay. `fields` takes the same by name."""

    name: Part | None = None
    company: Part | None = None
    line1: Part | None = None
    line2: Part | None = None
    city: Part | None = None
    region: Part | None = None
    postal_code: Part | None = None
    country: Part | None = None
    phone: Part | None = None
    email: Part | None = None
    fields: Annotated[dict[str, Part], Meta(max_length=20)] = {}

    def args(self) -> dict[str, Any]:
        """The fields by name. Raises Invalid for one there is not, or none at all."""
        known = [name for name in self.__struct_fields__ if name != "fields"]
        for name in self.fields:
            if name not in known:
                raise Invalid(f"an address has no field {name}; it has {', '.join(known)}", f"fields.{name}")
        given = {name: value for name in known if (value := getattr(self, name)) is not None}
        if twice := next((name for name in self.fields if name in given), ""):
            raise Invalid(f"{twice} is there twice: beside fields and in it", f"fields.{twice}")
        if not given and not self.fields:
            raise Invalid(f"say what is right: one of {', '.join(known)}", "fields")
        return given | self.fields


class ChooseSupplier(_Way, frozen=True, kw_only=True, tag="choose_supplier"):
    """This supplier (id, code or name) ships the line at this position, or all the Issue is about."""

    supplier: Id | Sku
    line: Id | None = None


class DropLine(_Way, frozen=True, kw_only=True, tag="drop_line"):
    """What no supplier has of the line is canceled."""

    note: Words = ""


class Waive(_Way, frozen=True, kw_only=True, tag="waive"):
    """It is fine as it is; a changed cost, remembered, is the agreed one from now on."""

    remember: bool = True
    note: Words = ""


class Retry(_Way, frozen=True, kw_only=True, tag="retry"):
    """Another attempt: a purchase order is sent again, a tracking number pushed again, a connection used again."""


class AskSupplier(_Way, frozen=True, kw_only=True, tag="ask_supplier"):
    """The supplier is asked whether it has the purchase order; nothing is sent again."""


class MarkAccepted(_Way, frozen=True, kw_only=True, tag="mark_accepted"):
    """You asked, and the supplier has it: `note` says whom and when."""

    note: Annotated[str, Meta(min_length=1, max_length=2_000)]
    reference: Annotated[str, Meta(max_length=120)] = ""


class MarkRefused(_Way, frozen=True, kw_only=True, tag="mark_refused"):
    """You asked, and the supplier does not have it: `note` says whom and when."""

    note: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Cancel(_Way, frozen=True, kw_only=True, tag="cancel"):
    """What the Issue is about is canceled; what was sent is asked back."""

    reason: Words = ""


class Acknowledge(_Way, frozen=True, kw_only=True, tag="acknowledge"):
    """It is read, and nothing is to be done here."""

    note: Words = ""


Way = (
    MapShipping | MapSku | FixAddress | ChooseSupplier | DropLine | Waive | Retry | AskSupplier | MarkAccepted
    | MarkRefused | Cancel | Acknowledge
)  # fmt: skip


async def list_issues(call: Call, order_id: Id) -> Issues:
    """List why an order needs a person."""
    return Issues(await resolving.order_issues(order_id))


async def list_choices(call: Call, issue_id: Id, query: ChoiceQuery) -> Choices:
    """List what can be done about an Issue.

    One of these is sent back to resolve it: its `how`, and its `args` beside that.
    """
    told = await suggest.suggestions(issue_id, query.q)
    return Choices(choices.choices_of(told), told)


async def resolve_issue(call: Call, issue_id: Id, body: Way) -> Resolved:
    """Resolve an Issue.

    Its order is checked again, and with what is remembered every other order that waits for the same.
    """
    how = Resolution(str(body.__struct_config__.tag))
    if how in choices.NEEDS:
        call.caller.demand(choices.NEEDS[how])
    if getattr(body, "remember", False) and how is not Resolution.WAIVE:
        call.caller.demand(Permission.SAVE_MAPPING)
    return await resolve.resolve(issue_id, how, body.args(), call.by)


ROUTES = (
    route("GET", "/orders/{order_id}/issues", Scope.ORDERS_READ, Permission.VIEW, list_issues),
    route("GET", "/issues/{issue_id}/choices", Scope.ORDERS_READ, Permission.VIEW, list_choices),
    route(
        "POST",
        "/issues/{issue_id}/resolve",
        Scope.ORDERS_WRITE,
        Permission.RESOLVE,
        resolve_issue,
        problems=("other-side",),
    ),
)
