"""The callback URL's certificate, read in real handshakes with a test authority's servers."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hakika.doctor import chain
from hakika.doctor.check import Outcome
from tests.doctor.street import HOST, Authority, Street, failed, open_street

pytestmark = pytest.mark.anyio


def self_sign() -> ssl.SSLContext:
    """Make a certificate for which nobody vouches."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=90))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return _load(context, certificate, key)


def _load(context: ssl.SSLContext, own: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    form = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *form) + own.public_bytes(serialization.Encoding.PEM)
    with trustme.Blob(pem).tempfile() as file:
        context.load_cert_chain(file)
    return context


def days_from_now(days: float) -> datetime:
    """A moment so many days away."""
    return datetime.now(UTC) + timedelta(days=days)


CERTIFICATES: list[tuple[str, Callable[[Authority], ssl.SSLContext], Outcome, str, str]] = [
    ("expired", lambda ca: ca.serve(not_after=days_from_now(-1)), Outcome.FAILED, "expired on", "Renew it"),
    ("not_yet", lambda ca: ca.serve(not_before=days_from_now(1)), Outcome.FAILED, "valid only from", "clock"),
    ("self_signed", lambda _: self_sign(), Outcome.FAILED, "self-signed", "public authority"),
    ("missing", lambda ca: ca.serve(chain=False), Outcome.FAILED, "intermediate certificate is missing", "fullchain"),
    ("other_name", lambda ca: ca.serve("shop.example"), Outcome.FAILED, f"for shop.example, not for {HOST}", HOST),
    ("ending", lambda ca: ca.serve(not_after=days_from_now(13.5)), Outcome.WARNING, "13 days left", "Renew it"),
    ("lasting", lambda ca: ca.serve(not_after=days_from_now(14.5)), Outcome.OK, "14 days left", ""),
]


@pytest.mark.parametrize(
    ("serve", "outcome", "seen", "cure"), [row[1:] for row in CERTIFICATES], ids=[row[0] for row in CERTIFICATES]
)
async def test_a_certificate_is_read_in_a_real_handshake(
    sqlite_url: str,
    tmp_path: Path,
    authority: Authority,
    serve: Callable[[Authority], ssl.SSLContext],
    outcome: Outcome,
    seen: str,
    cure: str,
) -> None:
    """A chain that does not hold, or ends soon, is that check's matter alone: the others see what is behind it."""
    async with open_street(sqlite_url, tmp_path, authority, serve(authority)) as street:
        found = await street.examine()
    one = found["callback-url.certificate"]
    assert (one.outcome, failed(found) - {"callback-url.certificate"}) == (outcome, set())
    assert seen in one.evidence
    assert cure in one.cure
    assert found["callback-url.reaches-us"].outcome is Outcome.OK


async def test_an_authority_that_nobody_knows_is_named(street: Street, tmp_path: Path) -> None:
    """A whole chain of a private authority is told from one with a gap."""
    street.change(certificates=Authority(tmp_path).bundle)
    one = await street.look("callback-url.certificate")
    assert one.outcome is Outcome.FAILED
    assert "is not one that the public trusts" in one.evidence


async def test_plain_http_on_the_port_is_no_certificate(street: Street) -> None:
    """A server that speaks no TLS fails the certificate's check, and no other."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    street.change(resolve={HOST: f"127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    found = await street.examine()
    server.close()
    await server.wait_closed()
    assert failed(found) == {"callback-url.certificate"}
    assert "speaks no TLS" in found["callback-url.certificate"].evidence


async def test_an_address_that_nobody_reaches_does_not_hide_the_next(
    well: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name has IPv6 addresses too, and this machine may have no IPv6: the next one is asked, as callers do."""
    port = well.front.port

    async def find(*_: object) -> list[tuple[str, int]]:
        return [("127.0.0.1", 9), ("127.0.0.1", port)]

    monkeypatch.setattr(chain, "find_places", find)
    assert (await well.look("callback-url.certificate")).outcome is Outcome.OK
