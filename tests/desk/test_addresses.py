"""Which addresses a flow may lead us to: never one inside our own network, however it is written."""

from __future__ import annotations

import ipaddress

import pytest

from flowengine.runtime.addresses import is_public

SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.000.000.001", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "%31%32%37.0.0.1", "①②⑦.⓪.⓪.①",
    "127。0。0。1", "good.example.com@127.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]", "[::1%25lo]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.255.254", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::169.254.169.254", "2002:a00:1::1",
        "::ffff:0:10.0.0.1", "::8.8.8.8", "fec0::1", "5f00::1", "100::1", "4000::1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2001:0:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_inner_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_outer_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
