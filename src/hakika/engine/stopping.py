"""How a server is told to stop: asked first, so that it finishes what is under way; hurried, if that takes too long."""

import asyncio

WITHIN_MS = 40_000
"""Longer than a push's time-out (30 s) and the recording of its answer: a push that is cut off is an unsure one."""


class Stopping:
    """The wish that the server stops."""

    def __init__(self) -> None:
        self.asked, self.hurried = asyncio.Event(), asyncio.Event()

    def ask(self) -> None:
        """Stop when what is under way is done."""
        self.asked.set()

    def hurry(self) -> None:
        """Stop now."""
        self.asked.set()
        self.hurried.set()
