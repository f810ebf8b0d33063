"""Ids and secrets. An id is its prefix and 26 characters that sort by time; randomness is handed in."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator

Entropy = Callable[[int], bytes]
"""Gives that many random bytes: `os.urandom` in production, a seeded generator in simulations."""

# Crockford's: no letters that are read as digits.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def make_id(prefix: str, now_ms: int, entropy: Entropy) -> str:
    """`make_id("pay", …)` → `pay_` and 26 characters: 10 for the time, 16 random."""
    return f"{prefix}_{_spell((now_ms << 80) | int.from_bytes(entropy(10)), 130)}"


def count_ids(prefix: str, now_ms: int, entropy: Entropy) -> Iterator[str]:
    """Ids of one moment, in order: 60 random bits, then counted. For batches, of at most 2^20."""
    stem = f"{prefix}_{_spell((now_ms << 60) | int.from_bytes(entropy(8)) >> 4, 110)}"
    for first in _PAIRS:
        for second in _PAIRS:
            yield f"{stem}{first}{second}"


def make_token(entropy: Entropy) -> str:
    """The secret of a callback path: 128 bits in hexadecimal.

    Hexadecimal spells none of the words that Safaricom refuses in URLs (daraja.md §1, C2B: mpesa, exe, sql …).
    """
    return entropy(16).hex()


def make_secret(prefix: str, entropy: Entropy) -> str:
    """A secret that people copy: `prefix_` and 32 characters."""
    return f"{prefix}_{_spell(int.from_bytes(entropy(20)), 160)}"


def hash_secret(secret: str) -> str:
    """How an API key is kept. It is random and long, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same_secret(given: str, kept: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode(), kept.encode())


def system_entropy(count: int) -> bytes:
    """Random bytes from the operating system."""
    return secrets.token_bytes(count)


def _spell(number: int, bits: int) -> str:
    """Two characters a step: ids are made on the hot path."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(bits - 10, -1, -10)])
