"""Where the crash suite makes an exception, and why."""

# Calls that change the disk and have no fault point beside them.
NO_POINT_NEEDED: dict[str, str] = {}

# Points that no scenario reaches.
UNREACHED: dict[str, str] = {}
