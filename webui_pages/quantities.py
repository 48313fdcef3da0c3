"""Sizes and moments as people read them. Knows no language: both are written in figures."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

UNITS = ("B", "KB", "MB", "GB")


def size(count: float) -> str:
    """Return a number of bytes with its unit, as 1.5 MB."""
    for unit in UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {UNITS[-1]}"


def moment(at: datetime) -> str:
    """Return a moment as the clock of the person at this session shows it, to the minute."""
    known = at if at.tzinfo else at.replace(tzinfo=UTC)
    zone = st.context.timezone
    return known.astimezone(ZoneInfo(zone) if zone else None).strftime("%Y-%m-%d %H:%M")
