"""Which broker the URL asks for, with the actors of ``workers.actors`` declared on it.

``sql://`` needs no server: the outbox is read directly. ``redis://`` and ``amqp://`` carry word of due jobs between
hosts; a ``queue`` parameter in the URL (``redis://host/0?queue=shop2``) keeps two Bluebooks on one server apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import dramatiq
from dramatiq.middleware import Middleware

from engine.errors import Misconfigured
from engine.settings import masked_url
from workers.actors import ACTORS

QUEUE = "bluebook"


def split(url: str) -> tuple[str, str]:
    """The URL as the broker's own library wants it, and the queue."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    queue = options.pop("queue", QUEUE)
    return urlunsplit(parts._replace(query=urlencode(options))), queue


def make(url: str, middleware: Sequence[Middleware] = ()) -> dramatiq.Broker:
    """A broker for the URL with all actors declared; raises Misconfigured for a URL of another kind."""
    # Retries, time limits and the like are left out: the outbox sees to what they are for.
    used = list(middleware)
    plain, queue = split(url)
    made: dramatiq.Broker
    match urlsplit(url).scheme:
        case "sql":
            from workers.sql_broker import SqlBroker

            made = SqlBroker(middleware=used)
        case "redis" | "rediss" | "unix":
            from dramatiq.brokers.redis import RedisBroker

            # dramatiq's defaults leave the messages of a killed worker lying for minutes.
            made = RedisBroker(  # type: ignore[no-untyped-call]
                url=plain, middleware=used, namespace=f"dramatiq-{queue}", heartbeat_timeout=5000,
                maintenance_chance=1_000_000,
            )  # fmt: skip
        case "amqp" | "amqps":
            from dramatiq.brokers.rabbitmq import RabbitmqBroker

            made = RabbitmqBroker(url=plain, middleware=used, confirm_delivery=True)
        case _:
            raise Misconfigured(f"BLUEBOOK_BROKER_URL: {masked_url(url)} is none of sql://, redis://, amqp://")
    for task, fn in ACTORS.items():
        dramatiq.actor(broker=made, actor_name=task, queue_name=queue)(fn)
    return made
