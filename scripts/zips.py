"""``python -m scripts.zips`` writes engine/domain/us_zips.txt, the US ZIP codes by their first two digits, from ``zipcodes``.

The library keeps 40 MB and a third of a second in each process that asks it for one ZIP code, and reads all of them for each.
"""

from __future__ import annotations

from pathlib import Path

import zipcodes

TABLE = Path(__file__).parents[1] / "engine" / "domain" / "us_zips.txt"


def table() -> str:
    """A line for each beginning: it, then each city's state, name and the last three digits of its codes."""
    return "\n".join(map(_line, (f"{n:02}" for n in range(100)))) + "\n"


def _line(beginning: str) -> str:
    cities: dict[tuple[str, str], list[str]] = {}
    for found in zipcodes.similar_to(beginning):
        assert not {";", ",", "|", "\n"} & set(found["city"]), found
        cities.setdefault((found["state"], found["city"]), []).append(found["zip_code"][2:])
    return beginning + "|" + ";".join(f"{state}{city},{','.join(codes)}" for (state, city), codes in cities.items())


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
