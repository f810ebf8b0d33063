"""RouterOS' API on the wire: words with their length before them, a sentence ends at the empty word; no socket here.

A command is a sentence: `/ip/hotspot/active/print`, then `=name=value` attributes, `?name=value` queries and a `.tag=`
that its answers carry back. Answers: `!re` (a row), `!done` (the end), `!trap` (refused; `!done` still follows),
`!empty` (no rows; RouterOS 7.18 and later), `!fatal` (the connection is over).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5

# Each row: lengths below this take so many bytes, with these bits set in the first. The last form is a byte 0xF0 alone,
# then four bytes of length: nothing that we say or hear is that long.
LENGTH_FORMS = ((0x80, 1, 0x00), (0x4000, 2, 0x80), (0x20_0000, 3, 0xC0), (0x1000_0000, 4, 0xE0))

# A router lists its users row by row, and each row is a sentence of its own; a word longer than this is no router's.
LONGEST_WORD_BYTES = 1 << 20
MOST_WORDS = 1000


class WireError(ValueError):
    """What came is not RouterOS' API: another service listens there, or bytes were lost."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One sentence of a router: its kind without the `!`, whose answer it is, and its attributes."""

    kind: str
    tag: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""


def encode_length(length: int) -> bytes:
    """Return the bytes that say how long a word is."""
    for limit, size, mark in LENGTH_FORMS:
        if length < limit:
            return (length | mark << 8 * (size - 1)).to_bytes(size, "big")
    return b"\xf0" + length.to_bytes(4, "big")


def encode_sentence(words: Iterable[str]) -> bytes:
    """Return a sentence as it goes over the wire."""
    encoded = [word.encode() for word in words]
    return b"".join(encode_length(len(word)) + word for word in encoded) + b"\0"


def build_command(
    command: str, attributes: dict[str, str], queries: dict[str, str] | None = None, tag: str = ""
) -> list[str]:
    """Return the words of a command."""
    words = [command, *(f"={name}={value}" for name, value in attributes.items())]
    words += [f"?{name}={value}" for name, value in (queries or {}).items()]
    return [*words, f".tag={tag}"] if tag else words


def answer_challenge(password: str, challenge: str) -> str:
    """Return the answer to the login of RouterOS before 6.43: a digest of password and challenge."""
    return "00" + md5(b"\0" + password.encode() + bytes.fromhex(challenge)).hexdigest()  # noqa: S324  RouterOS' choice


class SentenceReader:
    """Bytes in, sentences out, however the network cut them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._words: list[str] = []

    def feed(self, data: bytes) -> list[list[str]]:
        """Take what came and return the sentences that are now whole."""
        self._buffer += data
        sentences: list[list[str]] = []
        while (word := self._next_word()) is not None:
            if word:
                self._words.append(word)
                if len(self._words) > MOST_WORDS:
                    raise WireError("a sentence without an end")
            elif self._words:
                sentences.append(self._words)
                self._words = []
        return sentences

    def _next_word(self) -> str | None:
        """Take one whole word off the buffer; None while it is not all there."""
        if not self._buffer:
            return None
        size = _length_size(self._buffer[0])
        if len(self._buffer) < size:
            return None
        length = int.from_bytes(self._buffer[:size], "big") & _length_mask(size)
        if length > LONGEST_WORD_BYTES:
            raise WireError(f"a word of {length} bytes")
        if len(self._buffer) < size + length:
            return None
        word = bytes(self._buffer[size : size + length])
        del self._buffer[: size + length]
        # A comment on a router may hold bytes of any old code page; they must not end the connection.
        return word.decode(errors="replace")


def _length_size(first: int) -> int:
    """Return how many bytes the length takes that begins with this byte."""
    for size, mark in ((1, 0x80), (2, 0x40), (3, 0x20), (4, 0x10)):
        if not first & mark:
            return size
    if first != 0xF0:
        raise WireError(f"byte {first:#x} begins no length")
    return 5


def _length_mask(size: int) -> int:
    """Return the bits of a length that are not its mark."""
    return {1: 0x7F, 2: 0x3FFF, 3: 0x1F_FFFF, 4: 0x0FFF_FFFF, 5: 0xFFFF_FFFF}[size]


def read_reply(words: list[str]) -> Reply:
    """Return what a sentence of a router says."""
    kind, rest = words[0], words[1:]
    if not kind.startswith("!"):
        raise WireError(f"an answer begins with {kind[:20]!r}")
    attributes = {}
    tag = text = ""
    for word in rest:
        if word.startswith(".tag="):
            tag = word[5:]
        elif word.startswith("="):
            name, _, value = word[1:].partition("=")
            attributes[name] = value
        else:
            text = word  # !fatal brings its reason as a bare word
    return Reply(kind[1:], tag, attributes, text)
