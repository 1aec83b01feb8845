"""What lists of orders with Issues, of late orders and of a city's orders live by."""

import unicodedata

from tortoise import migrations
from tortoise.migrations import operations as ops

from engine.models.fields import UtcField
from engine.models.operations import PerDialect

LATE = "('no_ack_in_time', 'no_tracking_in_time')"
NAMED_LIKE = (
    "UPDATE orders SET {} = (SELECT MIN(opened_at) FROM issues WHERE order_id = orders.id AND closed_at IS NULL{}) "
)
WHERE = "WHERE id IN (SELECT order_id FROM issues WHERE closed_at IS NULL{})"
SINCE = [
    NAMED_LIKE.format("issue_at", "") + WHERE.format(""),
    NAMED_LIKE.format("late_at", f" AND code IN {LATE}") + WHERE.format(f" AND code IN {LATE}"),
]
CITIES = (
    "INSERT INTO terms (term, order_id) SELECT SUBSTR('city:' || LOWER(TRIM({0})), 1, 40), id FROM orders "
    "WHERE TRIM({0}) <> '' ORDER BY 1, 2 ON CONFLICT DO NOTHING"
)
LETTERS = [chr(n) for n in range(0xC0, 0x180)]
SPECIAL = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


def plain(letter: str) -> str:
    """The letter as terms have it."""
    apart = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(SPECIAL)


def unaccented(foreign: str) -> list[str]:
    """Statements after which the new terms have no accents, a few letters each, as SQLite's parser is not deep."""
    changed = [(letter, plain(letter)) for letter in LETTERS if plain(letter) != letter]
    statements = []
    for start in range(0, len(changed), 16):
        term = "term"
        for letter, to in changed[start : start + 16]:
            term = f"REPLACE({term}, '{letter}', '{to}')"
        where = f"term >= 'city:' AND term < 'city;' AND {foreign}"
        statements.append(f"UPDATE terms SET term = {term} WHERE {where} AND term <> {term}")
    return statements


OPEN = "('failed', 'on_hold', 'unresolved', 'ready')"
# They hold all that these lists are sorted by, and for SQLite their own condition's column: nothing is looked up. So few
# orders are in them that sorting by total takes no index of its own.
INDEXES = [
    "CREATE INDEX orders_issue ON orders (status, placed_at, id, total, issue_at) WHERE issue_at IS NOT NULL",
    "CREATE INDEX orders_late ON orders (status, placed_at, id, total, late_at) WHERE late_at IS NOT NULL",
    "DROP INDEX orders_open",
    f"CREATE INDEX orders_open ON orders (placed_at, id, total, status) WHERE status IN {OPEN}",
]


class Migration(migrations.Migration):
    """Columns and plain SQL only, so nothing on SQLite is rebuilt."""

    dependencies = [("models", "0004_warehouses")]
    initial = False
    operations = [
        ops.AddField(
            model_name="Order",
            name="issue_at",
            field=UtcField(null=True, description="since when it has an open Issue, for lists"),
        ),
        ops.AddField(
            model_name="Order",
            name="late_at",
            field=UtcField(null=True, description="since when it has one that the supplier is late, for lists"),
        ),
        PerDialect(
            sqlite=[
                *SINCE,
                CITIES.format("json_extract(ship_to, '$.city')"),
                *unaccented("term GLOB '*[^ -~]*'"),
                *INDEXES,
            ],
            postgres=[
                *SINCE,
                CITIES.format("(ship_to::jsonb ->> 'city')"),
                *unaccented("term ~ '[^ -~]'"),
                *INDEXES,
            ],
        ),
    ]
