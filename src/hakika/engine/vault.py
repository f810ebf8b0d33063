"""Secrets at rest: encrypted with one key that is not in the database."""

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from hakika.domain.errors import SettingError


class Vault:
    """Encrypts and decrypts what must not be read in a copy of the database."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key)
            # Another key than either of Fernet's own: what is marked tells nothing about what is sealed.
            self._marker = hashlib.sha256(b"hakika mark " + key.encode()).digest()
        except ValueError as error:
            raise SettingError(
                "HAKIKA_SECRET_KEY",
                "it is not a key: 32 bytes in URL-safe base64.",
                "Make one with `hakika keys secret`.",
            ) from error

    def seal(self, secret: bytes) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt. Raises SettingError when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise SettingError(
                "HAKIKA_SECRET_KEY",
                "the accounts' credentials in the database were encrypted with another key.",
                "Set the key that was used then, or enter the credentials again with `hakika accounts update`.",
            ) from error

    def mark(self, text: str) -> str:
        """What only who has the key can write under a text, in hexadecimal."""
        return hmac.digest(self._marker, text.encode(), "sha256").hex()


def make_key() -> str:
    """A new key."""
    return Fernet.generate_key().decode()


def find_key(setting: str, key_file: Path) -> str:
    """The key in the setting; else the one in the data directory, made at the first start. Raises SettingError."""
    if setting:
        return setting
    try:
        return _keep_key(key_file)
    except OSError as error:
        raise SettingError(
            "HAKIKA_DATA_DIR",
            f"{key_file} cannot be read or made ({error.strerror}).",
            "Name a directory that this user may write, or set HAKIKA_SECRET_KEY.",
        ) from error


def look_up_key(setting: str, key_file: Path) -> str:
    """The key in the setting, else the one in the data directory, else `""`: none is made. Raises OSError."""
    return setting or (key_file.read_text().strip() if key_file.exists() else "")


def keep_key(key: str, key_file: Path) -> None:
    """Write a key to the data directory. Raises OSError, also where there is one."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)


def _keep_key(key_file: Path) -> str:
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: of two programs that start at once, one makes the key and the other reads it.
        try:
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return key_file.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(make_key())
    return key_file.read_text().strip()
