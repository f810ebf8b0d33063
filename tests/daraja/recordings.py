"""Recorded and documented payloads, read from files, and what the tests build around them."""

from pathlib import Path

from hakika.daraja.protocol import Answer, PushOrder, Shortcode, Token

_PAYLOADS = Path(__file__).parent / "payloads"

PAYBILL = Shortcode("https://sandbox.safaricom.co.ke", "the-key", "the-secret", "the-passkey", "174379")
TILL = Shortcode("https://api.safaricom.co.ke/", "the-key", "the-secret", "the-passkey", "600111", "5551234")
TOKEN = Token("c9SQxWWhmdVRlyh0zh8gZDTkubVF", 10**15)
ORDER = PushOrder(100, "254712345678", "INV-001", "Shoes", "https://shop.example/c/s3cr3t")
ASKED_ID = "ws_CO_13012021093521236557"
CHECKOUT_REQUEST_ID = "ws_CO_17112025120000123456789"


def load(name: str) -> bytes:
    """Read one payload by its file name."""
    return (_PAYLOADS / name).read_bytes()


def answer(status: int, name: str, **headers: str) -> Answer:
    """Build an answer from a recorded payload."""
    return Answer(status, headers, load(name))
