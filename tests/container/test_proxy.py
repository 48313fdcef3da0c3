"""The nginx configuration of docs/docker.md, used as it is printed there."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs import ROOT
from tests.container.image import Image
from tests.container.running import Options, Running, make_volume, running

pytestmark = [pytest.mark.container, pytest.mark.timeout(3600)]

SITE = "http://kb.example.com"
HERE = ("--resolve", "kb.example.com:80:127.0.0.1")
KEY = "a-key-for-the-proxy"
WEBSOCKET = (
    *("--http1.1", "--include", "--max-time", "5"),
    *("--header", "Connection: Upgrade", "--header", "Upgrade: websocket"),
    *("--header", "Sec-WebSocket-Version: 13"),
    *("--header", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="),
)


def printed_configuration() -> str:
    text = (ROOT / "docs" / "docker.md").read_text("utf-8")
    blocks = re.findall(r"^```nginx\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run the image behind nginx."""
    if shutil.which("nginx") is None:
        pytest.skip("missing: nginx")
    folder = tmp_path_factory.mktemp("proxied")
    options = Options(environment={"ZHIWEN_API_KEY": KEY})
    with running(image, folder / "run", make_volume(image, folder), options) as started:
        nginx = subprocess.Popen(started.beside("nginx", "-c", str(configure(folder))))
        yield started
        nginx.terminate()
        nginx.wait()


def configure(folder: Path) -> Path:
    """Write a whole configuration around the printed one."""
    (folder / "site.conf").write_text(printed_configuration())
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; include {folder}/site.conf; }}\n"
    )
    return folder / "nginx.conf"


@pytest.fixture(scope="module")
def cookies(container: Running) -> str:
    """Log in through the proxy."""
    jar = str(container.folder / "cookies")

    def is_in() -> bool:
        return container.request(f"{SITE}/login?key={KEY}", *HERE, "--cookie-jar", jar)[0] == 200

    container.wait(is_in, within_s=60)
    return jar


def test_the_page_arrives_through_nginx(container: Running, cookies: str) -> None:
    status, page = container.request(SITE, *HERE, "--cookie", cookies)
    assert (status, '<div id="root">' in page) == (200, True)


@pytest.mark.parametrize(
    ("origin", "expected"), [(SITE, 101), ("http://elsewhere.example.com", 403)]
)
def test_the_websocket_opens_for_the_own_page_only(
    container: Running, cookies: str, origin: str, expected: int
) -> None:
    asking = (*WEBSOCKET, "--header", f"Origin: {origin}", "--cookie", cookies)
    assert container.request(f"{SITE}/_stcore/stream", *HERE, *asking)[0] == expected


def test_the_websocket_stays_closed_without_the_key(container: Running) -> None:
    asking = (*WEBSOCKET, "--header", f"Origin: {SITE}")
    assert container.request(f"{SITE}/_stcore/stream", *HERE, *asking)[0] in (401, 403)
