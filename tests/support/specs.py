"""The vendors' own descriptions beside the checkout, which are read in tests and never copied into the project."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2].parent / "shared" / "specs"


def spec(name: str) -> Path:
    """The description of this name (``ebay/sell_fulfillment_v1_oas3.json``); the test is skipped where it is not there."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"needs the vendor's description {name}, which is not beside this checkout")
    return path
