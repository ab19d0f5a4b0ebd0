"""What the page takes, and how that becomes inputs of the network. With another task, this is what you change."""

from torch import Tensor

from ..task import encoded

ASKS_FOR = "A text file; every line is one text"
TYPES = ("txt",)
MOST_TEXTS = 1000


class UploadError(Exception):
    """What was uploaded is nothing that the model takes; why, in words for whoever uploaded it."""


def read(data: bytes, size: tuple[int, ...]) -> Tensor:
    """The inputs (texts, length) in an uploaded file, of lines that are not empty.

    Args:
        data: text in UTF-8.
        size: how many bytes of a text the network takes.

    Raises:
        UploadError: it is no such file.
    """
    (length,) = size
    try:
        texts = [line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as problem:
        raise UploadError(f"This is no text in UTF-8: {problem}.") from None
    if not 0 < len(texts) <= MOST_TEXTS:
        raise UploadError(f"The file has {len(texts)} texts; the page takes 1 to {MOST_TEXTS}.")
    return encoded(texts, length)
