"""What answers cost, by a table of prices: a lower bound wherever the server did not count its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backends.drafting.answer import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens of a model, sent and answered."""

    model: str
    sent: float
    answered: float


PRICES: Final = (
    Price("gpt-4o-mini", 0.15, 0.60),
    Price("gpt-4o", 2.50, 10.00),
    Price("gpt-4.1-nano", 0.10, 0.40),
    Price("gpt-4.1-mini", 0.40, 1.60),
    Price("gpt-4.1", 2.00, 8.00),
)
"""List prices that hold until OLORIN_CONSOLE_PRICES says others."""


def price_table(text: str) -> tuple[Price, ...]:
    """The prices of `model=sent/answered` pairs, separated by commas. Raises ValueError.

    >>> price_table("small-1=0.1/0.4, large=2/8")[0]
    Price(model='small-1', sent=0.1, answered=0.4)
    """
    return tuple(_price(entry.strip()) for entry in text.split(",") if entry.strip())


def _price(entry: str) -> Price:
    model, _, both = entry.rpartition("=")
    sent, _, answered = both.partition("/")
    price = Price(model.strip(), float(sent), float(answered))
    if not price.model or not all(math.isfinite(each) and each >= 0 for each in (price.sent, price.answered)):
        raise ValueError(f"{entry} is no price")
    return price


def cost(model: str, usage: Usage, prices: Sequence[Price]) -> float | None:
    """US dollars of an answer; None for a model without a price. A dated model has the price of its family.

    >>> cost("gpt-4o-mini-2024-07-18", Usage(1_000_000, 0, True), PRICES), cost("other", Usage(1, 1, True), PRICES)
    (0.15, None)
    """
    price = price_of(model, prices)
    if price is None:
        return None
    return round((usage.prompt_tokens * price.sent + usage.completion_tokens * price.answered) / 1_000_000, 6)


def price_of(model: str, prices: Sequence[Price]) -> Price | None:
    """The model's own price, else its family's: that of the longest name which begins the model's."""
    family = [each for each in prices if model == each.model or model.startswith(f"{each.model}-")]
    return max(family, key=lambda each: len(each.model), default=None)
