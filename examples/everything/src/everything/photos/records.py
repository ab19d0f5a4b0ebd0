"""What a record is: how it is read of a raw file, and what makes it a bad one. This file is yours to change.

What it reads are images in folders that are named for their classes: `CLASS/NAME.png`.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

import pyarrow as pa
from PIL import Image

from ..data.images import SUFFIXES

__all__ = ["SUFFIXES", "Bad", "Format", "Record", "read"]

Record = dict[str, Any]
# Modes of Pillow that a PNG has, too: an image that is scaled keeps them, and others become RGB.
_KEPT = ("1", "L", "LA", "RGB", "RGBA", "I;16")


class Bad(NamedTuple):
    """A record that is put aside.

    Attributes:
        reason: why; records are counted by it, so that it does not name the file.
        content: what there is to say of it.
    """

    reason: str
    content: str


@dataclass
class Format:
    """What an image has to be, and what is made of it (`records` in the configuration)."""

    classes: list[str]
    smallest: int
    size: int

    def check(self) -> None:
        """Raise ValueError where the configuration says what cannot be."""
        for name in ("smallest", "size"):
            if getattr(self, name) < 0:
                raise ValueError(f"records.{name} is less than 0")

    def schema(self) -> Any:
        """The schema of the files that are written: `decoded` of data/images.py makes a tensor of `image`."""
        return pa.schema(
            [
                pa.field("image", pa.binary(), nullable=False),
                pa.field("label", pa.string(), nullable=False),
                pa.field("name", pa.string(), nullable=False),
                pa.field("width", pa.int32(), nullable=False),
                pa.field("height", pa.int32(), nullable=False),
            ]
        )


def read(name: str, file: IO[bytes], format: Format) -> Iterator[Record | Bad]:
    """The record of a raw file: one."""
    label = PurePosixPath(name).parent.name
    if not label:
        yield Bad("it lies in no folder that names its class", name)
        return
    if format.classes and label not in format.classes:
        yield Bad(f"its class is none of {', '.join(format.classes)}", name)
        return
    content = file.read()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            yield _record(name, label, image, content, format)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        yield Bad("it is no image that can be read", f"{name}: {problem}")


def _record(
    name: str, label: str, image: Image.Image, content: bytes, format: Format
) -> Record | Bad:
    if min(image.size) < format.smallest:
        return Bad(f"it has fewer than {format.smallest} pixels", f"{name}: {image.size}")
    width, height = image.size
    if format.size and (width, height) != (format.size, format.size):
        mode = image.mode if image.mode in _KEPT else "RGB"
        if mode == "RGB" and image.mode.startswith(("I", "F")):
            # Pillow would cut all that is above 255.
            return Bad(f"its pixels cannot be scaled: {image.mode}", f"{name}: {image.mode}")
        width = height = format.size
        whole = io.BytesIO()
        image.convert(mode).resize((width, height)).save(whole, "PNG")
        content = whole.getvalue()
    return {"image": content, "label": label, "name": name, "width": width, "height": height}
