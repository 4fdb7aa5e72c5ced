"""Texts as vectors: signed feature hashing of words and character trigrams, the same in every process."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from functools import lru_cache
from typing import Final

Vector = tuple[float, ...]

DIMENSIONS: Final = 512
CACHED: Final = 2_048
"""Vectors kept, of at most 16 KB each: more than one voice and all style banks can hold."""

_WORD: Final = re.compile(r"\w+")
_SIGN: Final = 1 << 31


@lru_cache(maxsize=CACHED)
def vector(text: str) -> Vector:
    """The text's vector of length 1 (empty for a text without words), with counts taken as 1 + ln(count).

    >>> sum(value * value for value in vector("salt and rope")) > 0.999
    True
    """
    values = [0.0] * DIMENSIONS
    for feature, count in features(text).items():
        hashed = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
        values[hashed % DIMENSIONS] += (1 + math.log(count)) * (-1 if hashed & _SIGN else 1)
    length = math.sqrt(sum(value * value for value in values))
    return tuple(value / length for value in values) if length else ()


def features(text: str) -> Counter[str]:
    """The words and the trigrams inside them, each with its kind before it.

    >>> sorted(features("Salt"))
    ['t <sa', 't alt', 't lt>', 't sal', 'w salt']
    """
    words = Counter(_WORD.findall(text.lower()))
    found: Counter[str] = Counter()
    for word, count in words.items():
        found[f"w {word}"] += count
        marked = f"<{word}>"
        for start in range(len(marked) - 2):
            found[f"t {marked[start : start + 3]}"] += count
    return found


def cosine(left: Vector, right: Vector) -> float:
    """How alike two vectors are, from -1 to 1; 0 where one is of no words.

    >>> round(cosine(vector("salt"), vector("salt")), 6), cosine(vector("salt"), vector(""))
    (1.0, 0.0)
    """
    # Of vectors of length 1 the distance says the same as the product, and Python knows it ten times faster.
    return 1 - math.dist(left, right) ** 2 / 2 if left and right else 0.0
