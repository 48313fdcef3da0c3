"""Prompt templates from ``prompts.yaml``, read again whenever the file changes.

Text is put in by one pass of substitution that is never read as a template itself.
"""

import logging
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import yaml

from server.errors import InternalError, UnknownPrompt

logger = logging.getLogger(__name__)

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
Groups = dict[str, dict[str, str]]


class PromptBook:
    """The templates by group and name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read_at = -1
        self._groups: Groups = {}

    def find(self, group: str, name: str) -> str:
        """Return a template.

        Raises:
            UnknownPrompt: the group has none of that name.
        """
        templates = self._current().get(group, {})
        if name not in templates:
            known = ", ".join(sorted(templates))
            raise UnknownPrompt(param="prompt_name", group=group, name=name[:200], known=known)
        return templates[name]

    def render(self, group: str, name: str, values: Mapping[str, str]) -> str:
        """Return a template with its placeholders replaced; those without a value stay.

        Raises:
            UnknownPrompt: the group has none of that name.
        """
        template = self.find(group, name)
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)

    def _current(self) -> Groups:
        with self._lock:
            try:
                changed_at = self.path.stat().st_mtime_ns
                if changed_at != self._read_at:
                    self._groups = read_groups(self.path)
                    self._read_at = changed_at
            except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
                if not self._groups:
                    raise InternalError(request_id=f"{self.path.name}: {error}") from error
                logger.warning("%s is not usable, the former prompts stay: %s", self.path, error)
            return self._groups


def read_groups(path: Path) -> Groups:
    """Return the templates of a file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        str(group): {str(name): str(text) for name, text in templates.items()}
        for group, templates in content.items()
    }
