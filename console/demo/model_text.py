"""What the model endpoint says: words about its being no language model, with words of the prompt woven in."""

from __future__ import annotations

import hashlib
import math
import random
import re
import struct
from collections.abc import Sequence
from typing import Final

FRAMES: Final = (
    "This text comes from the demo endpoint, which is no language model.",
    "It read your words {0} and {1}, and gives them back in another order.",
    "Where a model would go on about {0}, it only repeats {1}.",
    "Nothing here was thought: {0}, {1} and {2} stood in the prompt.",
    "The lantern over {0} swung once, and {1} answered from the stairs; so a novel might have it.",
    "Ask a real model about {2} to get more than {0}.",
)
FALLBACK: Final = ("silence", "an empty page", "nothing")


def answer(prompt: str, sentences: int = 5) -> list[str]:
    """Chunks of text with their spaces; the same prompt always gives the same answer."""
    chance = random.Random(prompt)
    found = list(dict.fromkeys(re.findall(r"\w{4,}", prompt)))
    frames = [FRAMES[0], *(chance.choice(FRAMES[1:]) for _ in range(sentences - 1))]
    text = " ".join(frame.format(*_three(chance, found)) for frame in frames)
    return re.findall(r"\s*\S+", text)


def _three(chance: random.Random, found: Sequence[str]) -> list[str]:
    return chance.sample(found, 3) if len(found) >= 3 else [*found, *FALLBACK][:3]


def tokens(text: str) -> int:
    """About as many as a tokenizer would count."""
    return max(1, math.ceil(len(text) / 4)) if text else 0


def embedding(text: str, dimensions: int) -> list[float]:
    """A vector of length 1 that only `text` decides."""
    stream = hashlib.shake_256(text.encode()).digest(4 * dimensions)
    raw = [number / 2**31 - 1 for number in struct.unpack(f"<{dimensions}I", stream)]
    length = math.sqrt(sum(number * number for number in raw))
    return [number / length for number in raw]
