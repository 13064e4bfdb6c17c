"""Which addresses of the network may be reached for a flow: never one inside our own, unless the operator says so."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import AddrInfoType

# Whose last four bytes are an IPv4 address: "compatible" ones (::10.0.0.1) and NAT64.
_ENDS_IN_IPV4 = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; older Pythons take it for global

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
    outer = address.is_global and not address.is_multicast and address not in _LOCAL_NAT64
    return outer and all(map(is_public, _wrapped(address)))


def _wrapped(address: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses an IPv6 address stands for (mapped, compatible, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if any(address in net for net in _ENDS_IN_IPV4) else None
    teredo = address.teredo or ()
    return [found for found in (address.ipv4_mapped, address.sixtofour, last, *teredo) if found is not None]
