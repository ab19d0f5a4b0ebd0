"""How well a version matches what a person typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from mxdev_saver.errors import SaverError
from mxdev_saver.index import flat
from mxdev_saver.model import Hit, Version

_WORD = re.compile(r"[^\W_]+")
# Below this a word is another word: `resent50` for `resnet50` is 0.88, `reset` for `resnet50` is 0.77.
_ENOUGH = 0.7


def parsed(pattern: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The exact `key=value` terms and the words of a pattern; quotes hold a value with spaces together.

    Raises:
        SaverError: the pattern is empty, or a quote is not closed.
    """
    try:
        terms = shlex.split(pattern)
    except ValueError as error:
        raise SaverError(f"the search pattern {pattern!r} has a quote that is not closed") from error
    pairs, words = [], []
    for term in terms:
        key, equals, value = term.partition("=")
        if equals and key:
            pairs.append((key, value))
        else:
            words += _WORD.findall(term.lower())
    if not pairs and not words:
        raise SaverError(f"the search pattern {pattern!r} names nothing: give words, or key=value")
    return pairs, words


def ranked(versions: Iterable[Version], words: Sequence[str]) -> list[Hit]:
    """Those in which every word is found or nearly found, the best first; equals stay in their order."""
    matcher = SequenceMatcher(autojunk=False)
    remembered: dict[tuple[str, str], float] = {}
    hits = []
    for version in versions:
        there = {
            word
            for text in (version.filename, *(part for pair in flat(version.metadata) for part in pair))
            for word in _WORD.findall(text.lower())
        }
        scores = [
            max((_likeness(matcher, word, one, remembered) for one in there), default=0.0) for word in words
        ]
        if all(score >= _ENOUGH for score in scores):
            hits.append(Hit(version, round(sum(scores) / len(scores), 4) if scores else 1.0))
    return sorted(hits, key=lambda hit: -hit.score)


def _likeness(
    matcher: SequenceMatcher[str], asked: str, there: str, remembered: dict[tuple[str, str], float]
) -> float:
    """1 for the word itself, less for one that begins with it or holds it, less for one that is spelled much like it."""
    if asked == there:
        return 1.0
    found = remembered.get((asked, there))
    if found is None:
        share = len(asked) / max(len(asked), len(there))
        if there.startswith(asked):
            found = 0.9 + 0.09 * share
        elif asked in there:
            found = 0.8 + 0.09 * share
        else:
            matcher.set_seqs(asked, there)
            found = 0.0
            if matcher.real_quick_ratio() >= _ENOUGH and matcher.quick_ratio() >= _ENOUGH:
                found = 0.95 * matcher.ratio()
        remembered[asked, there] = found
    return found
