"""``python -m scripts.picture`` runs the demo and writes docs/demo.svg: what its screen showed."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from engine.demo.run import Demo, Options
from engine.demo.watch import Progress
from tui.cli import demo_view

PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"
WIDTH, HEIGHT = 100, 32


def drawn(progress: Progress) -> str:
    """The screen as SVG, with fonts of the reader's own: a picture fetches nothing."""
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(demo_view.frame(progress, WIDTH, HEIGHT))
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="bluebook demo", code_format=plain, unique_id="demo")


async def last_look() -> Progress:
    """The look, of those with something resolved and something still to do, whose blue book tells of the most kinds of steps."""
    with tempfile.TemporaryDirectory() as folder:
        async with Demo(Options(home=Path(folder) / "demo")) as demo:
            looks = [look async for look in demo.run()]
    busy = [look for look in looks if look.fixes and 0 < look.counts.completed < look.of]
    return max(busy, key=lambda look: (len({e.action for e in look.events[-13:]}), look.counts.completed))


if __name__ == "__main__":
    PICTURE.write_text(drawn(asyncio.run(last_look())), "utf-8")
    print(f"wrote {PICTURE}")
