"""Which addresses of the network may be reached for a flow: never one inside our own, unless the operator says so."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import AddrInfoType

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out of IPv6; Python takes more of it for global
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # how an IPv4 address is reached from a network without it (RFC 6052)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddress(OSError):
    """The name leads to an address inside a private network."""


def open_socket(info: AddrInfoType) -> socket.socket:
    """Any address."""
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)


def public_socket(info: AddrInfoType) -> socket.socket:
    """The check stands where the address is final: after the name was resolved, for every address tried. Raises
    `PrivateAddress`.
    """
    if not is_public(ipaddress.ip_address(str(info[4][0]).partition("%")[0])):
        raise PrivateAddress("an address inside a private network")
    return open_socket(info)


def is_public(address: IPAddress) -> bool:
    """False for private, loopback, link-local, shared, reserved and multicast addresses, however they are wrapped."""
    outer = address.version == 4 or address in _UNICAST or address in _NAT64
    return outer and address.is_global and not address.is_multicast and all(map(is_public, _wrapped(address)))


def _wrapped(address: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses an IPv6 address stands for (6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return [found for found in (address.sixtofour, last, *(address.teredo or ())) if found is not None]
