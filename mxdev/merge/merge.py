"""Three-way merge of a file that a person and the generator both changed: by structure where that is exact, else by lines."""

from __future__ import annotations

from mxdev.merge.by_lines import Merge, merge_lines


def merge_file(path: str, base: bytes | None, ours: bytes, theirs: bytes) -> Merge:
    """Merges one file: mappings of YAML, TOML and JSON by their keys, everything else by lines.

    Neighbouring keys are no conflict; lists and scalars are atoms. A merge by structure counts only if it parses to exactly the
    merged value and every untouched line is still there; otherwise lines decide, and a result that does not parse, or in
    which a key that both sides agree on has another value, is not clean.

    Args:
        path: the file's name; its suffix decides.
        base: what the generator rendered last; None: no common base, then only equal sides are clean.
        ours: the file on disk, a person's. Its line endings, BOM and missing final line break survive.
        theirs: what the generator renders now.
    """
    if ours == theirs:
        return Merge(ours, True)
    if base is not None and ours != base:
        if theirs == base:
            return Merge(ours, True)
        from mxdev.merge import by_keys

        merged = by_keys.merge(path, base, ours, theirs)
        if merged is not None:
            return merged
    return merge_lines(base, ours, theirs)
