"""Names that nobody can guess, and codes that people can type."""

import hashlib
import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 O 1 I L, which people mix up
CODE_LENGTH = 10  # 31^10: with few tries for each device, nobody finds one


def new_id(prefix: str) -> str:
    """Make an id."""
    return f"{prefix}_{secrets.token_hex(10)}"


def new_token() -> str:
    """Make a secret for a link or a cookie."""
    return secrets.token_urlsafe(18)


def new_code(length: int = CODE_LENGTH) -> str:
    """Make a code that somebody types from paper."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def read_code(text: str) -> str:
    """Read a code as people type it: in any case, with spaces and dashes."""
    return "".join(character for character in text.upper() if character.isascii() and character.isalnum())[:20]


def show_code(code: str) -> str:
    """`ABCDE23456` → `ABCDE-23456`."""
    return f"{code[:5]}-{code[5:]}" if len(code) == CODE_LENGTH else code


def hash_secret(text: str) -> str:
    """Hash what a browser holds: who reads the database cannot pass for it."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
