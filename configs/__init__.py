"""Typed settings over tracked YAML defaults. Knows nothing of the rest of the project."""

from configs.settings import ROOT, Settings, load_settings

__all__ = ["ROOT", "Settings", "load_settings"]
