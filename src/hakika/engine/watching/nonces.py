"""Nonces: words that this server made within the last minute, for one purpose, and knows again without keeping them.

The moment, some chance, and a mark that only who has the secret key can make: so every node knows every node's.
Hexadecimal spells none of the words that Safaricom refuses in URLs (daraja.md §1, C2B).
"""

import re
from collections.abc import Callable
from typing import Literal

from hakika.engine.ids import Entropy, same_secret, system_entropy
from hakika.engine.vault import Vault

Purpose = Literal["echo", "trial"]

LIVES_MS = 60_000
_MOMENT, _CHANCE, _MARK = 11, 12, 28  # digits: with its prefix it fits a callback's path of 64 characters
_SPELLING = re.compile(rf"[0-9a-f]{{{_MOMENT + _CHANCE + _MARK}}}")


class Nonces:
    """Makes and knows them."""

    def __init__(self, vault: Vault, clock: Callable[[], int], entropy: Entropy = system_entropy) -> None:
        self._vault, self._clock, self._entropy = vault, clock, entropy

    def make(self, purpose: Purpose) -> str:
        """A new one."""
        stem = f"{self._clock():0{_MOMENT}x}{self._entropy(_CHANCE // 2).hex()}"
        return stem + self._mark(purpose, stem)

    def knows(self, purpose: Purpose, nonce: str) -> bool:
        """Whether it was made for that purpose, with our key, within a minute."""
        if not _SPELLING.fullmatch(nonce):
            return False
        stem, mark = nonce[:-_MARK], nonce[-_MARK:]
        # Both ways: the clocks of two nodes differ.
        fresh = abs(self._clock() - int(stem[:_MOMENT], 16)) <= LIVES_MS
        return fresh and same_secret(mark, self._mark(purpose, stem))

    def answer(self, nonce: str) -> str:
        """What only we can say to an echo's nonce: whoever merely repeats what was asked does not know it."""
        return self._vault.mark(f"echoed {nonce}")[:_MARK]

    def _mark(self, purpose: Purpose, stem: str) -> str:
        return self._vault.mark(f"{purpose} {stem}")[:_MARK]
