"""Which servers a stranger may make us talk to: those that anybody on the internet can reach, and no others.

A name may lead to several addresses, and to other ones a moment later. So all of them are checked, and the connection
goes to one that was checked, not to the name.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from emo_hallo_ray.errors import WebhookNotAllowed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_LENGTH = 2048
PORTS = {"http": 80, "https": 443}
# of these an IPv4 address is a part, and it is what packets end up at (RFC 6052)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# what leads to places by way of others' tunnels, or means something of this machine's own
REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "fec0::/10",
    )
)


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the system resolves it; odd spellings of numbers come out as plain ones."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class Target:
    """Where a request goes: the address that was asked for, and the one of its host that was checked."""

    url: httpx.URL
    address: str

    def request(self, content: bytes, headers: dict[str, str]) -> httpx.Request:
        """A POST to the checked address that names, and over TLS insists on, the host."""
        host = self.url.netloc.decode("ascii")
        return httpx.Request(
            "POST",
            self.url.copy_with(host=self.address),
            content=content,
            headers={"Host": host, **headers},
            extensions={"sni_hostname": self.url.host},
        )


@dataclass(frozen=True)
class Gate:
    """Lets through what may be talked to.

    Attributes:
        allow_private: any address will do, as in a closed network and in tests.
        allowed_hosts: only these; none is any.
    """

    allow_private: bool = False
    allowed_hosts: tuple[str, ...] = ()
    resolve: Resolver = resolve

    async def check(self, text: str) -> Target:
        """Raises `WebhookNotAllowed` with the reason, or gives the target."""
        url = parse(text)
        if self.allowed_hosts and url.host not in self.allowed_hosts:
            raise WebhookNotAllowed(f"The webhook's host {url.host!r} is not allowed", "ask the service's operator")
        try:
            addresses = await self.resolve(url.host, url.port or PORTS[url.scheme])
        except (OSError, UnicodeError) as error:
            raise WebhookNotAllowed(f"The webhook's host {url.host!r} has no address") from error
        if not addresses:
            raise WebhookNotAllowed(f"The webhook's host {url.host!r} has no address")
        if not self.allow_private and not all(is_public(address) for address in addresses):
            raise WebhookNotAllowed(
                f"The webhook's host {url.host!r} is not on the public internet",
                "use an address that the whole internet can reach",
            )
        return Target(url, addresses[0])


def parse(text: str) -> httpx.URL:
    """The parts of a webhook's URL.

    Raises:
        WebhookNotAllowed: it is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise WebhookNotAllowed("The webhook_url is not a URL") from error
    if url.scheme not in PORTS or not url.host or len(text) > MAX_LENGTH:
        hint = f"http or https, and at most {MAX_LENGTH} characters"
        raise WebhookNotAllowed("The webhook_url is not one to send to", hint)
    if url.userinfo or url.fragment:
        raise WebhookNotAllowed("The webhook_url has a password or a fragment", "put a secret into its path or query")
    return url


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet."""
    address: IPAddress = ipaddress.ip_address(text.partition("%")[0])
    if address.version == 6 and address in NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in REFUSED_NETWORKS if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
