"""`.env.example`, made from the settings classes: `python -m backends.config.example > .env.example`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from backends.config.catalogue import GROUPS, Group, Spec, specs
from backends.config.rules_needed import ALWAYS, needed_by
from backends.config.values import plain

HEAD = """\
# Every variable that the platform, its services and the console read, with its default.
# Made from the settings classes by `python -m backends.config.example`; a test compares it with them.
# Copy it to .env, take the # away where you set something, and run `olorin config check`.
"""


def example() -> str:
    """The file's text. Secrets are empty; only what is always required is not commented out."""
    seen: set[str] = set()
    parts = [HEAD]
    for group in GROUPS:
        lines = list(_lines(group, seen))
        if lines:
            parts.append("\n".join([f"# --- {group.title}: {_purpose(group)}", *lines, ""]))
    return "\n".join(parts)


def _purpose(group: Group) -> str:
    return (group.cls.__doc__ or "").partition(".")[0]


def _lines(group: Group, seen: set[str]) -> Iterator[str]:
    for spec in specs():
        if spec.group != group.key or spec.name in seen:
            continue
        seen.add(spec.name)
        yield f"# {_comment(spec)}"
        yield f"{'' if spec.id in ALWAYS else '#'}{spec.name}={'' if spec.secret else _written(spec)}"


def _comment(spec: Spec) -> str:
    flags = needed_by(spec.id)
    return "; ".join(
        filter(
            None,
            (
                spec.description,
                spec.range,
                f"needed by {', '.join(flags)}" if flags else "",
                f"old name {', '.join(spec.older_names)}" if spec.older_names else "",
            ),
        )
    )


def _written(spec: Spec) -> str:
    text = plain(spec.default)
    return f'"{text}"' if " " in text or "#" in text else text


if __name__ == "__main__":
    sys.stdout.write(example())
