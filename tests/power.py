"""A model of what a loss of power leaves of the operations that were done: whatever no sync covered may be missing."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from disks import SYNCS, Log, Tree


@dataclass
class Inode:
    """A file or folder; its place in a tree is in the entries of folders."""

    folder: bool
    mode: int
    data: bytes = b""
    entries: dict[str, Inode] = field(default_factory=dict)


@dataclass
class Effect:
    """One thing that an operation did, which stays uncertain until operation `synced`."""

    at: int
    inode: Inode
    kind: str  # data, mode, entry
    value: Any
    synced: float = float("inf")


class PowerLoss:
    """Replays a log on a model of a disk; `images(k)` are the disks that a loss of power may leave after k operations.

    The model is the weakest that POSIX allows: bytes and bits of a file are uncertain (missing, half, there) until that file is
    synced; each name made, replaced or removed in a folder is uncertain, each on its own, until that folder is
    synced, syncs of files do not help names. A rename within a folder is one step; between folders it is two.
    """

    def __init__(self, start: Tree, log: Log, root: str, without: int | None = None) -> None:
        self.start, self.log, self.root, self.without = start, log, root, without
        self.top = Inode(True, 0o755)
        for path in sorted(start):
            kind, mode, *data = start[path]
            folder, name = self._parent(path)
            folder.entries[name] = Inode(kind == "folder", mode, *data)
        self.durable: dict[int, dict[str, Inode]] = {}
        self._freeze(self.top)
        self.effects: list[Effect] = []
        for number, (name, arguments) in enumerate(log):
            self._play(number, name, arguments)

    def _freeze(self, inode: Inode) -> None:
        self.durable[id(inode)] = dict(inode.entries)
        for child in inode.entries.values():
            self._freeze(child)

    def _find(self, path: str) -> Inode:
        at = self.top
        for part in path.split("/") if path else ():
            at = at.entries[part]
        return at

    def _parent(self, path: str) -> tuple[Inode, str]:
        folder, _, name = path.rpartition("/")
        return self._find(folder), name

    def _entry(self, number: int, folder: Inode, changes: dict[str, Inode | None]) -> None:
        for name, inode in changes.items():
            if inode is None:
                del folder.entries[name]
            else:
                folder.entries[name] = inode
        self.effects.append(Effect(number, folder, "entry", changes))

    def _play(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        paths = [os.path.relpath(value, self.root) for value in arguments if isinstance(value, str)]
        paths = ["" if path == "." else path for path in paths]
        if name in SYNCS:
            if number == self.without:
                return
            inode = self._find(paths[0])
            assert inode.folder == (name == "sync_folder"), f"{name} of {paths[0]}"
            for effect in self.effects:
                if effect.inode is inode:
                    effect.synced = min(effect.synced, number)
        elif name == "write_new":
            mode = arguments[2] if len(arguments) > 2 else 0o666
            inode = Inode(False, mode & ~0o022, b"")
            folder, last = self._parent(paths[0])
            self._entry(number, folder, {last: inode})
            self.effects.append(Effect(number, inode, "data", arguments[1]))
        elif name == "mkdir":
            inode = Inode(True, 0o755)
            self.durable[id(inode)] = {}
            folder, last = self._parent(paths[0])
            self._entry(number, folder, {last: inode})
        elif name == "chmod":
            self.effects.append(Effect(number, self._find(paths[0]), "mode", arguments[1]))
        elif name in ("unlink", "rmdir"):
            folder, last = self._parent(paths[0])
            if last in folder.entries and not (name == "rmdir" and folder.entries[last].entries):
                self._entry(number, folder, {last: None})
        elif name == "replace":
            (source, old), (target, new) = map(self._parent, paths)
            inode = source.entries[old]
            if source is target:
                self._entry(number, source, {old: None, new: inode})
            else:
                self._entry(number, target, {new: inode})
                self._entry(number, source, {old: None})

    def images(self, k: int, most: int = 60) -> Iterator[Tree]:
        """Disks after a loss of power when the first k operations were done; all of them, or a fixed selection."""
        happened = [effect for effect in self.effects if effect.at < k]
        unsure = [number for number, effect in enumerate(happened) if effect.synced >= k]
        choices = [(1.0, 0.0, 0.5) if happened[number].kind == "data" else (1.0, 0.0) for number in unsure]
        total = 1
        for choice in choices:
            total *= len(choice)
        picks: Iterator[tuple[float, ...]]
        picks = itertools.product(*choices) if total <= most else self._selection(choices, k, most)
        for pick in picks:
            yield self._image(happened, dict(zip(unsure, pick, strict=True)))

    def _selection(
        self, choices: list[tuple[float, ...]], seed: int, most: int
    ) -> Iterator[tuple[float, ...]]:
        size, chance = len(choices), random.Random(seed)
        for value in (1.0, 0.0):  # all, none, all but one, only one
            yield (value,) * size
            for number in range(size):
                yield (*(value,) * number, 1.0 - value, *(value,) * (size - number - 1))
        for _ in range(most):
            yield tuple(chance.choice(choice) for choice in choices)

    def _image(self, happened: list[Effect], pick: dict[int, float]) -> Tree:
        entries: dict[int, dict[str, Inode]] = {}
        modes: dict[int, int] = {}
        data: dict[int, bytes] = {}
        for number, effect in enumerate(happened):
            kept, key = pick.get(number, 1.0), id(effect.inode)
            if effect.kind == "data":
                data[key] = effect.value[: int(len(effect.value) * kept)]
            elif kept and effect.kind == "mode":
                modes[key] = effect.value
            elif kept:
                names = entries.setdefault(key, dict(self.durable[key]))
                for name, inode in effect.value.items():
                    if inode is None:
                        names.pop(name, None)
                    else:
                        names[name] = inode
        tree: Tree = {}

        def walk(folder: Inode, prefix: str) -> None:
            for name, inode in entries.get(id(folder), self.durable[id(folder)]).items():
                mode = modes.get(id(inode), inode.mode)
                if inode.folder:
                    tree[prefix + name] = ("folder", mode)
                    walk(inode, f"{prefix}{name}/")
                else:
                    tree[prefix + name] = ("file", mode, data.get(id(inode), inode.data))

        walk(self.top, "")
        return tree
