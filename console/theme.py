"""The console's colours: one dark theme, with production marked in ways that no theme takes away."""

from __future__ import annotations

from textual.theme import Theme

OLORIN = Theme(
    name="olorin",
    primary="#3b6ea5",
    secondary="#5f87af",
    accent="#87afd7",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success="#5faf5f",
    warning="#d7af5f",
    error="#d75f5f",
    dark=True,
    variables={
        "block-cursor-background": "#3b6ea5",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
    },
)
