"""Where clouds tell their machines secrets is never asked, however an address leads there."""

from contextlib import closing

import httpx
import pytest

from server.errors import UnsafeAddress
from server.knowledge_base.sources.browser import Browser
from server.knowledge_base.sources.guard import Guard
from tests.unit.knowledge_base.sources.conftest import MakeLimits
from tests.unit.knowledge_base.sources.site import Site, moved

ADDRESSES = [
    "169.254.169.254",  # most clouds
    "169.254.170.2",  # containers of AWS
    "169.254.170.23",  # pods of AWS
    "169.254.0.23",  # Tencent
    "169.254.42.42",  # Scaleway
    "100.100.100.200",  # Alibaba
    "168.63.129.16",  # Azure
    "192.0.0.192",  # Oracle
    "fd00:ec2::254",  # AWS
    "fd00:ec2::23",  # pods of AWS
    "fd20:ce::254",  # Google
    "fd00:c1::a9fe:a9fe",  # Oracle
    "fd00:42::42",  # Scaleway
    "fe80::a9fe:a9fe",  # OpenStack
]
WRAPPED = [
    "::ffff:169.254.169.254",
    "::ffff:100.100.100.200",
    "::ffff:168.63.129.16",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::169.254.169.254",
]
WRITTEN = ["2852039166", "0xA9FEA9FE", "169.254.43518", "1684301000"]


def as_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", [*ADDRESSES, *WRAPPED])
@pytest.mark.parametrize("allow_private", [False, True])
def test_no_setting_allows_them(address: str, allow_private: bool) -> None:
    assert not Guard(allow_private=allow_private).is_allowed(address)


@pytest.mark.parametrize("host", [*ADDRESSES, *WRAPPED, *WRITTEN, "0251.0376.0251.0376"])
def test_they_are_not_asked_as_the_system_reads_them(host: str) -> None:
    with pytest.raises(UnsafeAddress):
        Guard(allow_private=True).addresses(host, 80)


@pytest.mark.parametrize("host", [*map(as_host, ADDRESSES), *WRITTEN])
def test_no_page_leads_to_them(site: Site, limits: MakeLimits, host: str) -> None:
    site.pages["/a"] = moved(f"http://{host}/latest/meta-data/")
    chosen = limits()
    with (
        closing(Browser(Guard(True, chosen.web_ports), chosen)) as browser,
        pytest.raises(UnsafeAddress),
    ):
        browser.get(httpx.URL(site.url("/a")), max_bytes=1000)
    assert site.asked == ["/a"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("is_redirected", [False, True])
def test_no_name_leads_to_them(
    site: Site, limits: MakeLimits, address: str, is_redirected: bool
) -> None:
    """One address of the name is harmless, and one is not."""
    hosts = {"127.0.0.1": ["127.0.0.1"], "metadata.example": ["127.0.0.1", address]}
    site.pages["/a"] = moved(site.url("/latest/", host="metadata.example"))
    start = site.url("/a") if is_redirected else site.url("/latest/", host="metadata.example")
    chosen = limits()
    guard = Guard(True, chosen.web_ports, lambda host, _: hosts[host])
    with closing(Browser(guard, chosen)) as browser, pytest.raises(UnsafeAddress, match="is at"):
        browser.get(httpx.URL(start), max_bytes=1000)
    assert site.asked == ["/a"] * is_redirected
