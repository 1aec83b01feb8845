"""The one place that asks what time it is, so that tests can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731


def now() -> datetime:
    """Now, aware UTC, to the microsecond."""
    return _source()


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC: how times are stored. The moment must be aware."""
    return (moment - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The aware UTC time of a stored value."""
    return EPOCH + timedelta(microseconds=value)


def use(source: Callable[[], datetime]) -> None:
    """From here on ``now`` asks ``source``; for tests and for replaying."""
    global _source
    _source = source
