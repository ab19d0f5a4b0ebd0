"""Renames that plain POSIX does not have: to a free name only, and two files that change places (renameat2(2))."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable

_NO_REPLACE, _EXCHANGE = 1, 2
_HERE = -100  # AT_FDCWD
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def special(folder: int | None, name: str, to_folder: int | None, to_name: str, *, swapping: bool) -> bool:
    """Rename in one step, to a free name, or so that both change places.

    Args:
        folder: an open folder that `name` is relative to; None: it is a path.
        name: what is renamed.
        to_folder: the same for `to_name`.
        to_name: the new name.
        swapping: both change places; otherwise the new name must be free.

    Returns:
        False where the system or the file system cannot do it; nothing was done.

    Raises:
        OSError: as rename(2); FileExistsError where the name is not free.
    """
    call = _renameat2()
    if call is None:
        return False
    places = (_HERE if fd is None else fd for fd in (folder, to_folder))
    source, target = next(places), next(places)
    flag = _EXCHANGE if swapping else _NO_REPLACE
    if call(source, os.fsencode(name), target, os.fsencode(to_name), flag) == 0:
        return True
    import ctypes

    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), name, None, to_name)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):  # no Linux, or a C library without it
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    found: Callable[..., int] = call
    return found
