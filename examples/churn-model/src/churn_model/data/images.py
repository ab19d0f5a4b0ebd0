"""Images in folders that are named for their classes: `CLASS/NAME.png`."""

import io
import logging
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .datasets import Range
from .folder import Folder

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
# Pillow's names for pixels that are more than a byte, and what they are as a tensor.
_WIDE = {"I": np.int32, "F": np.float32}
# What Pillow raises for a file that is damaged, or no image.
_UNREADABLE = (OSError, SyntaxError, EOFError, IndexError, Image.DecompressionBombError)


class Content(bytes):
    """What is in a file.

    Attributes:
        name: where the file lies, for messages.
    """

    name: str = ""


class ImageFolder:
    """Images and the numbers of their classes. Each file is a shard, so that an epoch has any order.

    Args:
        folder: where they lie.
        within: in which folder of it, such as `train`.
        classes: all that there are; a class has the number of its place. Without it, they are those of the folders, by name.

    Raises:
        ValueError: an image lies in no folder of a class, or a class would have another number in a folder beside `within`.
    """

    def __init__(
        self, folder: Folder, within: str = "", classes: Sequence[str] | None = None
    ) -> None:
        self._folder = folder
        self._names = [file.name for file in folder.named(within, *SUFFIXES)]
        # A class whose images are of another kind would be gone without a word.
        # What lies beside the folders of the classes, such as a list of hashes, is about them all.
        begin = len(within.strip("/") and f"{within.strip('/')}/")
        inside = {file.name for file in folder.named(within) if "/" in file.name[begin:]}
        if others := sorted(inside.difference(self._names)):
            log.warning(
                "%s: files that are left out, because their names are not those of images: %d, such as %s",
                folder.uri,
                len(others),
                others[0],
            )
        found = _classes(folder.uri, within, self._names)
        self.classes = sorted(set(found)) if classes is None else list(classes)
        if classes is None and within:
            _compare(folder, within.strip("/"), self.classes)
        numbers = {name: number for number, name in enumerate(self.classes)}
        for name, its_class in zip(self._names, found, strict=True):
            if its_class not in numbers:
                raise ValueError(
                    f"{folder.uri}/{name}: {its_class!r} is none of the classes {self.classes}"
                )
        self._labels = np.array([numbers[name] for name in found], dtype=np.int64)
        self.sizes = np.ones(len(self._names), dtype=np.int64)

    def read(self, ranges: Sequence[Range]) -> Sequence[tuple[Content, int]]:
        """The contents of the files, and their classes; see `decoded`."""
        wanted = [shard for shard, _, _ in ranges]
        contents = self._folder.read([self._names[shard] for shard in wanted])
        examples = []
        for read, shard in zip(contents, wanted, strict=True):
            content = Content(read)
            content.name = f"{self._folder.uri}/{self._names[shard]}"
            examples.append((content, int(self._labels[shard])))
        return examples


def decoded(content: bytes, mode: str = "RGB") -> Tensor:
    """The image in a file, as a person sees it: (channels, height, width). Of more than one picture it is the first.

    Args:
        mode: what Pillow calls it: `RGB`, or `L` for grey, are bytes from 0 to 255; `I`, grey with whole numbers (int32),
            and `F` with others (float32), have the pixels as they are in the file, of 16 bits, too.

    Raises:
        ValueError: it cannot be read, or its pixels are no bytes and `mode` has bytes.
    """
    name = getattr(content, "name", "") or "an image"
    try:
        with Image.open(io.BytesIO(content)) as image:
            # Cameras write how they were held beside the pixels.
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith(tuple(_WIDE)) and mode not in _WIDE:
                raise ValueError(
                    f"{name}: its pixels ({upright.mode}) are more than the bytes of {mode}. Read it with "
                    "decoded(…, 'I') or decoded(…, 'F')."
                )
            pixels = np.array(upright.convert(mode), dtype=_WIDE.get(mode, np.uint8))
    except UnidentifiedImageError as problem:
        raise ValueError(f"{name} cannot be read: it is empty, or no image") from problem
    except _UNREADABLE as problem:
        raise ValueError(f"{name} cannot be read: {problem}") from problem
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).contiguous()


def _classes(uri: str, within: str, names: Sequence[str]) -> list[str]:
    """The class of each image: the name of the folder that it lies in. All have to lie equally deep."""
    begin = len(within.strip("/") and f"{within.strip('/')}/")
    depths = {name[begin:].count("/"): name for name in names}
    if 0 in depths:
        raise ValueError(f"{uri}/{depths[0]} lies in no folder that is named for its class")
    if len(depths) > 1:
        high, low = (depths[depth] for depth in (min(depths), max(depths)))
        raise ValueError(
            f"{uri}: {low} lies deeper than {high}, and the folder of an image is its class. Move one of them."
        )
    return [name.split("/")[-2] for name in names]


def _compare(folder: Folder, within: str, classes: list[str]) -> None:
    """Raise ValueError where a folder beside this one gives a class another number."""
    parent = within.rpartition("/")[0]
    begin = f"{parent}/" if parent else ""
    others: dict[str, set[str]] = {}
    for file in folder.named(parent, *SUFFIXES):
        match file.name[len(begin) :].split("/"):
            case sibling, its_class, _:
                others.setdefault(sibling, set()).add(its_class)
    for sibling, found in sorted(others.items()):
        theirs = sorted(found)
        if any(classes.index(one) != theirs.index(one) for one in found.intersection(classes)):
            raise ValueError(
                f"{folder.uri}: {within} has the classes {classes}, and {begin}{sibling} has {theirs}: the same class would "
                "have two numbers. Name them all: ImageFolder(…, classes=[…])."
            )
