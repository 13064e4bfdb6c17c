"""Which addresses of the network may be reached for a flow: never one inside our own, unless the operator says so."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import AddrInfoType

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

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
    return address.is_global and not address.is_multicast and all(map(is_public, _wrapped(address)))


def _wrapped(address: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses an IPv6 address stands for (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    teredo = address.teredo or ()
    return [found for found in (address.ipv4_mapped, address.sixtofour, nat64, *teredo) if found is not None]
