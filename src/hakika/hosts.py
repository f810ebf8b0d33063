"""Which hosts the internet could reach, and which are this machine."""

import ipaddress

_NOT_PUBLIC = ("localhost", "local", "internal", "lan", "home", "intranet")
"""Names that no public DNS gives to anybody."""


def is_public(host: str) -> bool:
    """Whether the internet could reach a host of that name: an address of nobody's own, or a name with a domain."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        name, dot, last = host.rstrip(".").rpartition(".")
        return bool(name and dot) and last not in _NOT_PUBLIC and not last.isdigit()  # 127.1 is an address too


def is_network(text: str) -> bool:
    """Whether a text is an address or a network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host of that name is the machine that asks."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
