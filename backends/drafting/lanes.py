"""Which lane a passage is in, judged on its last paragraph by counted marks and words."""

from __future__ import annotations

import re
from typing import Final

from backends.drafting.bibles import Lane

LEAST_SCORE: Final = 0.9
"""Below this no lane is convincing, and the passage is narration."""

PARAGRAPH_LIMIT: Final = 10_000
"""Characters of a last paragraph that are judged; whoever writes longer ones is in the same lane throughout."""

THOUGHT_WORDS: Final = frozenset(
    {
        "think", "thought", "thinking", "wonder", "wondered", "know", "knew", "remember", "remembered", "feel",
        "felt", "realise", "realize", "realised", "realized", "wish",
    }
)  # fmt: skip
ACTION_VERBS: Final = frozenset(
    {
        "ran", "run", "runs", "jumped", "jump", "jumps", "grabbed", "grab", "grabs", "threw", "throw", "throws",
        "hurled", "hit", "hits", "struck", "strike", "strikes", "kicked", "kick", "kicks", "pulled", "pull", "pulls",
        "pushed", "push", "pushes", "dodged", "dodge", "dodges", "slammed", "slam", "slams", "swung", "swing",
        "swings", "charged", "charge", "charges", "leapt", "leap", "leaps", "fired", "fire", "fires", "dropped",
        "drop", "drops",
    }
)  # fmt: skip
_FIRST_PERSON: Final = frozenset({"i", "me", "my", "mine", "myself", "i'm", "i'd", "i've", "i'll"})
_BLANK_LINE: Final = re.compile(r"\n\s*\n")
_QUOTES: Final = re.compile(r'["“”«»]')
_OPENING: Final = re.compile(r'\s*["“«‘\'—–-]')
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def detect_lane(text: str) -> Lane:
    """The lane of the text's last paragraph.

    >>> detect_lane('The rain fell.\\n\\n"Where were you?" she said. "Out."').value
    'Dialogue'
    >>> detect_lane("I knew it then, and I felt nothing.").value
    'Interiority'
    >>> detect_lane("He ran, grabbed the rail and jumped!").value
    'Action'
    >>> detect_lane("The town lay still.").value, detect_lane("").value
    ('Narration', 'Narration')
    """
    scores = lane_scores(last_paragraph(text))
    best = max(scores, key=lambda lane: scores[lane])
    return best if scores[best] >= LEAST_SCORE else Lane.NARRATION


def last_paragraph(text: str) -> str:
    """The last paragraph that holds anything; '' where there is none."""
    return _BLANK_LINE.split(text.rstrip()[-PARAGRAPH_LIMIT:])[-1].strip()


def lane_scores(paragraph: str) -> dict[Lane, float]:
    """Each lane's score for one paragraph."""
    words = [word.lower() for word in _WORD.findall(paragraph.replace("’", "'"))]
    return {
        Lane.DIALOGUE: _dialogue(paragraph),
        Lane.INTERIORITY: _interiority(words),
        Lane.ACTION: _action(paragraph, words),
        Lane.NARRATION: 0.25,
    }


def _dialogue(paragraph: str) -> float:
    spoken = 2.5 if len(_QUOTES.findall(paragraph)) >= 2 else 0.0
    return spoken + (1.5 if _OPENING.match(paragraph) else 0.0)


def _interiority(words: list[str]) -> float:
    inside = sum(word in _FIRST_PERSON for word in words) >= 2
    return 2.2 if inside and any(word in THOUGHT_WORDS for word in words) else 0.0


def _action(paragraph: str, words: list[str]) -> float:
    moves = 1.6 if sum(word in ACTION_VERBS for word in words) >= 2 else 0.0
    return moves + (0.3 if "!" in paragraph else 0.0)
