"""Who calls, whether they may, and how often: asked before anything of the request is read."""

from __future__ import annotations

from aiohttp import web

from engine.api.rest.problems import Trouble
from engine.api.rest.table import Route
from engine.errors import NotAuthorised
from engine.services import tokens
from engine.services.allowance import Allowance
from engine.services.tokens import Caller
from engine.settings import settings

REALM = 'Bearer realm="bluebook"'
_LIMIT = web.AppKey("rest_limit", Allowance)


def set_up(app: web.Application) -> None:
    """The application counts the calls of each token, where the settings limit them."""
    if settings().api_calls:
        app[_LIMIT] = Allowance(settings().api_calls, 60)


async def who(request: web.Request) -> Caller:
    """Who calls; raises Trouble where nobody knows."""
    kind, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Trouble(
            "unauthorised", "send a token: Authorization: Bearer bb_…; `bluebook tokens add` makes one",
            headers={"WWW-Authenticate": REALM},
        )  # fmt: skip
    try:
        return await tokens.caller_of(token.strip())
    except NotAuthorised as error:
        headers = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
        raise Trouble("unauthorised", error.message, headers=headers) from error


async def count(request: web.Request, caller: Caller) -> dict[str, str]:
    """The headers that say how often more the token may call; raises Trouble where it called too often."""
    limit = request.config_dict.get(_LIMIT)
    if limit is None:
        return {}
    most, seconds = limit.policy
    answer = await limit.take(caller.token_id)
    told = {
        "RateLimit-Policy": f'"token";q={most};w={seconds}',
        "RateLimit": f'"token";r={answer.left};t={answer.resets}',
    }
    if answer.wait:
        said = (
            f"the token {caller.token} called more than {most} times in {seconds} seconds; call again in {answer.wait}"
        )
        raise Trouble("too-many", said, retry_after=answer.wait, headers=told)
    return told


def allow(route: Route, caller: Caller) -> None:
    """The token's scopes and its user's role allow the call; raises Trouble where not."""
    why_not = caller.why_not(route.scope, route.permission)
    if not why_not:
        return
    headers = {}
    if route.scope is not None and route.scope not in caller.scopes:
        headers = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{route.scope}"'}
    raise Trouble("forbidden", why_not, headers=headers)
