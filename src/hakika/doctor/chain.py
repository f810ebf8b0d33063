"""A certificate chain as a server sends it, and whether who trusts the usual authorities accepts it.

No chain is repaired: where an intermediate certificate is missing, browsers fetch it, and Safaricom's client is not
known to (daraja.md §2.3: nothing is known of its trust store), so what is missing is a fault.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from hakika.doctor.ground import Ground
from hakika.doctor.visit import WITHIN_S, explain, find_places, host_of, trust

_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18
_UNKNOWN_ISSUER = frozenset({2, 19, 20, 21})  # OpenSSL: no issuer found, unknown root, cannot verify the first
_OTHER_NAME = 62


class Chain(NamedTuple):
    """What the handshake showed. `fault` is `""` where the chain holds; `error`: there was no handshake at all."""

    error: str = ""
    fault: str = ""
    cure: str = ""
    protocol: str = ""
    sent: Sequence[x509.Certificate] = ()

    @property
    def ends_at_ms(self) -> int:
        """When the server's own certificate expires; 0 where there is none."""
        return int(self.sent[0].not_valid_after_utc.timestamp() * 1000) if self.sent else 0

    @property
    def issuer(self) -> str:
        """Who issued the server's own certificate."""
        return name_of(self.sent[0].issuer) if self.sent else ""


async def read_chain(ground: Ground, url: str) -> Chain:
    """Shake hands as a caller does, and once more without checking, to see what is sent. Raises OSError."""
    async with asyncio.timeout(WITHIN_S):
        return await _read(ground, *host_of(url))


async def _read(ground: Ground, host: str, port: int) -> Chain:
    places = await find_places(ground, host, port)
    fault: ssl.SSLCertVerificationError | None = None
    try:
        protocol, sent = await _shake_hands(places, host, trust(ground))
    except ssl.SSLCertVerificationError as error:
        fault = error
        try:
            protocol, sent = await _shake_hands(places, host, _indifferent())
        except ssl.SSLError as broken:
            return Chain(error=explain(broken))
    except ssl.SSLError as error:
        return Chain(error=explain(error))
    if fault is None:
        return Chain(protocol=protocol, sent=sent)
    told, cure = _diagnose(fault, host, sent)
    return Chain(fault=told, cure=cure, protocol=protocol, sent=sent)


async def _shake_hands(
    places: Sequence[tuple[str, int]], host: str, context: ssl.SSLContext
) -> tuple[str, Sequence[x509.Certificate]]:
    """→ the protocol's version, and the certificates as they were sent. Raises OSError."""
    writer = await _connect(places, host, context)
    try:
        held = writer.get_extra_info("ssl_object")
        return str(held.version()), _certificates_of(held)
    finally:
        writer.transport.abort()


async def _connect(places: Sequence[tuple[str, int]], host: str, context: ssl.SSLContext) -> asyncio.StreamWriter:
    """The first place that is reached, as callers do: of a name's addresses some are IPv6, which a machine may lack."""
    (address, port), *rest = places
    try:
        return (await asyncio.open_connection(address, port, ssl=context, server_hostname=host))[1]
    except ssl.SSLError:
        raise
    except OSError:
        if not rest:
            raise
    return await _connect(rest, host, context)


def _certificates_of(held: Any) -> Sequence[x509.Certificate]:
    """All that were sent: public from Python 3.13 on, before that a method of the object inside."""
    ask = getattr(held, "get_unverified_chain", None) or getattr(
        held._sslobj,  # noqa: SLF001 - until 3.13 there is no other way to what was sent
        "get_unverified_chain",
        None,
    )
    found = (ask() if ask else None) or [held.getpeercert(binary_form=True)]
    encoding = 2  # _ssl.ENCODING_DER
    ders = [one if isinstance(one, bytes) else one.public_bytes(encoding) for one in found]
    return [x509.load_der_x509_certificate(der) for der in ders]


def _indifferent() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _diagnose(fault: ssl.SSLCertVerificationError, host: str, sent: Sequence[x509.Certificate]) -> tuple[str, str]:
    """→ what is wrong, and what to do."""
    own = sent[0]
    if fault.verify_code == _EXPIRED:
        late = next((one for one in sent if one.not_valid_after_utc == min(x.not_valid_after_utc for x in sent)), own)
        return (
            f"The certificate of {name_of(late.subject)} expired on {late.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.",
            "Renew it, have the server load the new one, and see why it was not renewed by itself.",
        )
    if fault.verify_code == _NOT_YET:
        return (
            f"The certificate is valid only from {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on.",
            "Set the clock of this machine right, or wait until then.",
        )
    if fault.verify_code == _OTHER_NAME:
        return (
            f"The certificate is for {', '.join(_names_in(own)) or name_of(own.subject)}, not for {host}.",
            f"Get a certificate that names {host}, or have the server send the right one for that name.",
        )
    if fault.verify_code == _SELF_SIGNED or (len(sent) == 1 and own.issuer == own.subject):
        return (
            "The certificate is self-signed: nobody but yourself vouches for it.",
            "Get one from a public authority; Let's Encrypt's are free, and Caddy gets them by itself.",
        )
    if fault.verify_code in _UNKNOWN_ISSUER:
        return _tell_issuer(own, sent)
    return f"The chain does not hold: {fault.verify_message}.", ""


def _tell_issuer(own: x509.Certificate, sent: Sequence[x509.Certificate]) -> tuple[str, str]:
    if all(one.subject != own.issuer for one in sent[1:]):
        return (
            f"An intermediate certificate is missing: {name_of(own.issuer)}, which issued its own, is not sent.",
            "Have the server send the full chain: `fullchain.pem`, not `cert.pem`. Browsers hide this; callers do not.",
        )
    return (
        f"The authority at the chain's end, {name_of(sent[-1].issuer)}, is not one that the public trusts.",
        "Get a certificate from a public authority; one for inside, or for a CDN's own use, will not do.",
    )


def _names_in(own: x509.Certificate) -> list[str]:
    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names][:3]


def name_of(name: x509.Name) -> str:
    """The common name, or else all of it."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
