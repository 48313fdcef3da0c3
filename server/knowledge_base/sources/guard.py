"""Which addresses may be asked: by default none of this machine and the networks around it.

Knows no connections and no pages.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import httpx

from server.errors import SourceFailed, UnsafeAddress

DEFAULT_PORTS = {"http": 80, "https": 443}
# Networks whose addresses stand for an IPv4 address that a gateway on the way may connect to.
TRANSLATED = [
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
]
RELAYS = ipaddress.ip_network("192.88.99.0/24")
# Where clouds answer their machines beside the link-local address: Azure, Alibaba, Oracle, AWS with
# its pods, Google, Oracle, Scaleway.
CLOUDS = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("168.63.129.16", "100.100.100.200", "192.0.0.192"),
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
        ),
    )
)

LookUp = Callable[[str, int], list[str]]


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides on URLs and on the addresses of their hosts."""

    allow_private: bool = False
    ports: tuple[int, ...] = ()
    look_up: LookUp = look_up

    def check_url(self, url: httpx.URL) -> None:
        """Do nothing if a URL may be asked, as far as it tells by itself.

        Raises:
            UnsafeAddress: it may not.
        """
        if url.scheme not in DEFAULT_PORTS:
            raise unsafe(url, "only http and https are.", "仅支持 http 和 https。")
        if not url.host:
            raise unsafe(url, "it has no host.", "缺少主机名。")
        if url.userinfo:
            raise unsafe(
                url.copy_with(username=None, password=None),
                "it holds a user or password.",
                "地址中含有用户名或密码。",
            )
        port = url.port or DEFAULT_PORTS[url.scheme]
        if port not in (*DEFAULT_PORTS.values(), *self.ports):
            raise unsafe(
                url,
                f"the port {port} is not 80 or 443, nor in sources.web_ports.",
                f"端口 {port} 不是 80 或 443，也不在 sources.web_ports 中。",
            )

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of which may be connected to.

        Raises:
            UnsafeAddress: one of them may not.
            SourceFailed: it has none.
        """
        try:
            found = self.look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise SourceFailed(
                address=host, reason_en="there is no such host.", reason_zh="找不到该主机。"
            ) from error
        for address in found:
            if not self.is_allowed(address):
                raise unsafe(
                    host,
                    f"it is at {address}, in a local or reserved network. "
                    "sources.allow_private lets local ones be asked.",
                    f"其地址 {address} 属于本机、内网或保留网段。"
                    "如需访问内网，请启用 sources.allow_private。",
                )
        return found

    def is_allowed(self, address: str) -> bool:
        """Return whether an address may be connected to."""
        ip = ipaddress.ip_address(address)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            return self.allow_private and self.is_allowed(str(ip.ipv4_mapped))
        if never_asked(ip):
            return False
        return self.allow_private or (ip.is_global and not ip.is_reserved)


def never_asked(ip: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is nobody's, everybody's, or that of the machine's own cloud."""
    if ip.is_loopback:
        return False  # though ::1 is in ::/96
    return (
        ip.is_unspecified
        or ip.is_multicast
        or ip.is_link_local
        or ip in RELAYS
        or ip in CLOUDS
        or any(ip in network for network in TRANSLATED)
        or (isinstance(ip, IPv6Address) and ip.is_site_local)
        or (isinstance(ip, IPv4Address) and ip.is_reserved)
    )


def unsafe(address: object, reason_en: str, reason_zh: str) -> UnsafeAddress:
    """Return the error for an address that must not be asked."""
    return UnsafeAddress(
        param="url", address=str(address)[:300], reason_en=reason_en, reason_zh=reason_zh
    )
