"""The table of plug-ins: lazy, and clear about what is wrong."""

import pytest

from server.plugins import MissingPackage, Registry, UnknownPlugin

TABLE: Registry[object] = Registry(
    "loader",
    {
        ".md": "server.datatypes:Block",
        ".x": "tests.unit.needs_a_package:load",
        ".y": "server.no_such_module:load",
    },
)


def test_a_plugin_is_imported_by_name() -> None:
    from server.datatypes import Block

    assert TABLE.get(".md") is Block


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPlugin, match=r"no loader called '.foo'; known: .md, .x, .y"):
        TABLE.get(".foo")


def test_a_missing_package_is_named_with_its_pip_line() -> None:
    with pytest.raises(MissingPackage, match="pip install not_installed_anywhere"):
        TABLE.get(".x")


def test_a_wrong_place_in_the_table_is_not_taken_for_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        TABLE.get(".y")
