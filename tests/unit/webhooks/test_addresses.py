"""The guard against requests that strangers make us send (SSRF)."""

import asyncio
from collections.abc import Sequence

import pytest

from emo_hallo_ray.errors import WebhookNotAllowed
from emo_hallo_ray.webhooks.addresses import Gate, Target, is_public, resolve

PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "192.0.0.8"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "fec0::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::8.8.8.8", "2002:7f00:1::1", "2002:808:808::1", "2001:0:808:808::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(address)


def check(url: str, *answers: Sequence[str], **options: object) -> Target:
    """Through a gate whose resolver gives these answers, one a question."""
    remaining = list(answers)

    async def scripted(host: str, port: int) -> Sequence[str]:
        return remaining.pop(0)

    gate = Gate(resolve=scripted if answers else resolve, **options)  # type: ignore[arg-type]
    return asyncio.run(gate.check(url))


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"),
        *("0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "169.254.169.254", "0xa9fea9fe"),
    ],
)
def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    with pytest.raises(WebhookNotAllowed, match=r"public internet|has no address|not a URL"):
        check(f"http://{host}:8265/api")


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(WebhookNotAllowed, match="not on the public internet"):
        check("https://example.com/hook", ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/x", "example.com", ""),
        *(
            "http://",
            "http://user:secret@example.com/",
            "http://example.com/#x",
            "javascript:1",
        ),
        "https://example.com/" + "x" * 2048,
    ],
)
def test_what_is_no_address_to_send_to_is_refused(url: str) -> None:
    with pytest.raises(WebhookNotAllowed):
        check(url, ["93.184.216.34"])


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(WebhookNotAllowed, match="has no address"):
        check("http://no-such-host.invalid/")


def test_the_request_goes_to_the_address_that_was_checked_in_the_name_of_the_host() -> None:
    request = check("https://hooks.example.com:8443/a?b=c", ["93.184.216.34"]).request(b"{}", {"X-A": "1"})

    assert str(request.url) == "https://93.184.216.34:8443/a?b=c"
    assert request.headers["Host"] == "hooks.example.com:8443"
    assert request.extensions["sni_hostname"] == "hooks.example.com"
    assert request.headers["X-A"] == "1"


def test_an_address_of_version_six_becomes_part_of_a_url() -> None:
    request = check("http://hooks.example.com/a", ["2606:4700:4700::1111"]).request(b"", {})

    assert str(request.url) == "http://[2606:4700:4700::1111]/a"


def test_an_operator_can_name_the_only_hosts() -> None:
    assert check("https://a.example/", ["8.8.8.8"], allowed_hosts=("a.example",)).address == "8.8.8.8"
    with pytest.raises(WebhookNotAllowed, match="not allowed"):
        check("https://b.example/", ["8.8.8.8"], allowed_hosts=("a.example",))


def test_in_a_closed_network_private_addresses_can_be_allowed() -> None:
    assert check("http://127.0.0.1:1/", allow_private=True).address == "127.0.0.1"
