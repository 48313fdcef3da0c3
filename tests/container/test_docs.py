import re

import pytest
import yaml

from configs import ROOT
from configs.settings import list_names

PAGES = ("docker.md", "docker_zh.md")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_comments(block: str) -> str:
    return re.sub(r" *#.*", "", block)


@pytest.mark.parametrize("language", ["bash", "yaml", "nginx"])
def test_both_languages_show_the_same_commands_and_configurations(language: str) -> None:
    english, chinese = (map(without_comments, blocks(page, language)) for page in PAGES)
    assert list(english) == list(chinese)


def test_the_compose_file_says_what_the_image_needs() -> None:
    (block,) = blocks(PAGES[0], "yaml")
    service = yaml.safe_load(block)["services"]["zhiwen"]
    assert (service["volumes"], service["tmpfs"]) == (["zhiwen:/data"], ["/tmp"])
    assert service["ports"] == ["80:8501"]


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_the_page_names_exists(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    named = re.findall(r"ZHIWEN_([A-Z]+)__([A-Z_]+)", text)
    assert {f"{section}.{name}".lower() for section, name in named} <= set(list_names())
