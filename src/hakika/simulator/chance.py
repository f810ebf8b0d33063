"""Chance that a seed decides: the same seed and the same names draw the same."""

from random import Random


def seeded(seed: int, *names: object) -> Random:
    """Make a source of chance of its own for one thing, so that what others draw does not move it."""
    return Random(":".join(map(str, (seed, *names))))  # noqa: S311 - repeatable is the point; nothing here is secret
