"""Which addresses are this machine's own. Knows no services."""

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from configs import Settings

EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not a bind


def is_loopback(host: str) -> bool:
    """Return whether an address or name is one that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def base_url(host: str, port: int) -> str:
    """Return where a service that listens on ``host`` is reached from this machine."""
    name = EVERY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def ui_host(settings: Settings) -> str:
    """Return the address that the UI listens on."""
    return settings.ui.host or settings.server.host


def needs_key(settings: Settings) -> bool:
    """Return whether requests need an API key: when API or UI can be reached from elsewhere."""
    return not (is_loopback(settings.server.host) and is_loopback(ui_host(settings)))


def foreign_name(headers: Mapping[str, str], allowed: Collection[str]) -> str | None:
    """Return the first name in Host and Origin that is neither this machine nor allowed.

    Other sites' pages reach a service on loopback through the user's browser.
    """
    names = [host_of(headers.get("host", "localhost"))]
    if origin := headers.get("origin"):
        names.append(host_of(origin.partition("://")[2] or origin))
    return next((name for name in names if not is_loopback(name) and name not in allowed), None)


def host_of(header: str) -> str:
    """Return the name in a Host header, without its port; as it is, if it is no host at all."""
    try:
        return urlsplit(f"//{header}").hostname or header
    except ValueError:
        return header
