"""The picture in the README shows what mx prints today."""

from __future__ import annotations

import html
import re
import runpy
from pathlib import Path

MAKE = Path(__file__).parents[2] / "docs/images/make.py"


def lines(svg: str) -> list[str]:
    """The text of a picture, by its lines."""
    found: dict[float, str] = {}
    for place, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        found[float(place)] = found.get(float(place), "") + html.unescape(text).replace("\xa0", " ")
    return [found[place].rstrip() for place in sorted(found)]


def test_the_picture_is_not_stale() -> None:
    kept = lines(MAKE.with_name("generate.svg").read_text(encoding="utf-8"))
    assert len(kept) > 10
    assert lines(runpy.run_path(str(MAKE))["picture"]()) == kept, "run `python docs/images/make.py`"
