"""Which addresses are this machine's own. Knows no services."""

from ipaddress import ip_address

from configs import Settings


def is_loopback(host: str) -> bool:
    """Return whether an address or name is one that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def ui_host(settings: Settings) -> str:
    """Return the address that the UI listens on."""
    return settings.ui.host or settings.server.host


def needs_key(settings: Settings) -> bool:
    """Return whether requests need an API key: when API or UI can be reached from elsewhere."""
    return not (is_loopback(settings.server.host) and is_loopback(ui_host(settings)))
