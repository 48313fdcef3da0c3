import httpx
import pytest

from server.errors import SourceFailed, UnsafeAddress
from server.knowledge_base.sources.guard import Guard, look_up

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
LOCAL = [  # allowed with allow_private
    *("127.0.0.1", "127.8.8.8", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "100.64.0.1", "100.127.255.255", "fd00::1", "fc00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
]
NEVER = [
    *("0.0.0.0", "::", "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "255.255.255.255", "240.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::1", "::7f00:1"),
    *("192.88.99.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0"),
]
NOT_GLOBAL = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.1", "2001:db8::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert Guard().is_allowed(address)
    assert Guard(allow_private=True).is_allowed(address)


@pytest.mark.parametrize("address", [*LOCAL, *NEVER, *NOT_GLOBAL])
def test_another_address_may_not(address: str) -> None:
    assert not Guard().is_allowed(address)


@pytest.mark.parametrize("address", LOCAL)
def test_the_operator_can_allow_the_local_network(address: str) -> None:
    assert Guard(allow_private=True).is_allowed(address)


@pytest.mark.parametrize("address", NEVER)
def test_but_never_what_is_nobodys_or_of_the_cloud(address: str) -> None:
    assert not Guard(allow_private=True).is_allowed(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "017700000001"),
        *("::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost", "0", "0.0.0.0"),
        *("127.0.0.1.", "①②⑦.0.0.1"),
    ],
)
def test_no_way_to_write_an_address_gets_around(host: str) -> None:
    with pytest.raises((UnsafeAddress, SourceFailed)):
        Guard().addresses(host, 80)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1"])
def test_the_system_does_read_such_numbers(host: str) -> None:
    assert look_up(host, 80) == ["127.0.0.1"]


def test_one_bad_address_of_a_host_is_enough() -> None:
    guard = Guard(look_up=lambda _, __: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(UnsafeAddress, match=r"10\.0\.0\.1"):
        guard.addresses("two.example", 443)


def test_an_unknown_host_is_told() -> None:
    def fail(_: str, __: int) -> list[str]:
        raise OSError

    with pytest.raises(SourceFailed, match="no such host"):
        Guard(look_up=fail).addresses("nowhere.invalid", 80)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "http and https"),
        ("file:///etc/passwd", "http and https"),
        ("gopher://example.com/", "http and https"),
        ("http:///x", "no host"),
        ("http://user:secret@example.com/", "user or password"),
        ("http://example.com:22/", "port 22"),
        ("https://example.com:8443/", "port 8443"),
    ],
)
def test_some_urls_are_refused_as_they_are(url: str, reason: str) -> None:
    with pytest.raises(UnsafeAddress, match=reason) as caught:
        Guard().check_url(httpx.URL(url))
    assert "secret" not in str(caught.value)


def test_usual_urls_and_ports_of_the_settings_are_fine() -> None:
    for url in ("http://a.example/", "https://a.example/x", "http://a.example:443/"):
        Guard().check_url(httpx.URL(url))
    Guard(ports=(8080,)).check_url(httpx.URL("http://a.example:8080/"))
