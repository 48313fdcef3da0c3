"""Which addresses are this machine's own. Knows no services."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether an address or name is one that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
