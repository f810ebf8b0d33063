"""Which addresses we send to. A URL is a stranger's word: it may name our own machine, or the cloud's metadata."""

import functools
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = frozenset({"169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"})
"""Where clouds keep secrets for their machines; one of them, Azure's, has a public address."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_KINDS = (
    ("is_unspecified", "no machine's"),
    ("is_loopback", "this machine's own"),
    ("is_link_local", "link-local"),
    ("is_multicast", "a multicast one"),
    ("is_private", "private"),
    ("is_reserved", "reserved"),
)


class AddressRule(NamedTuple):
    """What is allowed besides public addresses: everything, some networks, or some hosts by name."""

    everything: bool = False
    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def allows_host(self, host: str) -> bool:
        """Whether a host is allowed by its name, wherever it leads."""
        return self.everything or host.lower().rstrip(".") in self.hosts

    def refuse(self, host: str, address: str) -> str:
        """Why that address of that host is not sent to, or `""`."""
        return _refuse(self, host, address)


@functools.lru_cache(4096)  # at every attempt the same few are asked for
def _refuse(rule: AddressRule, host: str, address: str) -> str:
    if rule.allows_host(host):
        return ""
    given = _unwrap(ipaddress.ip_address(address.partition("%")[0]))
    if any(given in network for network in rule.networks if network.version == given.version):
        return ""
    kind = _kind_of(given)
    return f"{given} is {kind}: not sent to (HAKIKA_WEBHOOK_ALLOW_PRIVATE)" if kind else ""


def read_rule(values: Iterable[str], *, loopback: bool) -> AddressRule:
    """The rule that a setting spells: `1`, or networks and hosts. Raises ValueError for a network that is none.

    `loopback`: this machine is allowed as well, as in a demonstration.
    """
    networks: list[Network] = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")] if loopback else []
    hosts: set[str] = set()
    everything = False
    for value in values:
        if value.lower() in {"1", "true", "yes"}:
            everything = True
        elif value.lower() in {"", "0", "false", "no"}:
            continue
        elif "/" in value or ":" in value or value.replace(".", "").isdigit():
            networks.append(ipaddress.ip_network(value, strict=False))
        else:
            hosts.add(value.lower().rstrip("."))
    return AddressRule(everything, tuple(networks), frozenset(hosts))


def name_kind(address: str) -> str:
    """What keeps the internet from reaching an address (`private`, `this machine's own` …), or `""` where nothing."""
    return _kind_of(_unwrap(ipaddress.ip_address(address.partition("%")[0])))


def _unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: that is where a packet to it ends."""
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo
        inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _kind_of(address: Address) -> str:
    if str(address) in METADATA:
        return "a cloud's metadata"
    for name, words in _KINDS:
        if getattr(address, name):
            return words
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return "private" if site_local or not address.is_global else ""
