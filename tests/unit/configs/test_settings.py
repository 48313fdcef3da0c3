"""Settings: where values come from, and how wrong ones are reported."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from configs.settings import DEFAULTS, Settings, SettingsError, load_settings


def write_user_file(path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("ZHIWEN_CONFIG", str(path))


def test_a_user_file_overrides_one_key_and_keeps_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user_file(tmp_path / "mine.yaml", monkeypatch, {"kb": {"chunk_size": 300}})
    settings = load_settings()
    assert (settings.kb.chunk_size, settings.kb.chunk_overlap) == (300, 100)


def test_the_environment_wins_over_the_user_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user_file(tmp_path / "mine.yaml", monkeypatch, {"kb": {"chunk_size": 300}})
    monkeypatch.setenv("ZHIWEN_KB__CHUNK_SIZE", "400")
    assert load_settings().kb.chunk_size == 400


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_SERVER__PORT", "1111")
    assert load_settings(server={"port": 2222}).server.port == 2222


def test_the_short_variable_sets_the_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_API_KEY", "a-long-secret")
    assert load_settings().auth.api_key == "a-long-secret"


@pytest.mark.parametrize(
    "key", ["密钥密钥密钥密钥密钥密钥", " spaces around the key ", "a-tab\tin-the-key"]
)
def test_an_api_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="API key must be ASCII"):
        load_settings(auth={"api_key": key})


def test_a_short_api_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_API_KEY", "abc")
    with pytest.raises(SettingsError, match="at least 12 characters"):
        load_settings()


@pytest.mark.parametrize("url", ["localhost:11434", "http://", "http://[::1", "ftp://a/b"])
def test_an_endpoint_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"llm\.base_url"):
        load_settings(llm={"base_url": url})


@pytest.mark.parametrize("port", ["abc", "-1", "0", "65536", "8000 "])
@pytest.mark.parametrize(
    ("section", "models"), [("retrieval", "rerankers"), ("embedding", "models")]
)
def test_a_port_that_cannot_be_is_refused(section: str, models: str, port: str) -> None:
    model = {"base_url": f"http://localhost:{port}/v1"}
    with pytest.raises(SettingsError, match=rf"{models}\.mine\.base_url.*port.*1 to 65535"):
        load_settings(**{section: {models: {"mine": model}}})


def test_a_port_that_can_be_is_accepted() -> None:
    assert load_settings(llm={"base_url": "http://[::1]:65535/v1"}).llm.base_url


def test_a_misspelt_setting_gets_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"did you mean server\.port"):
        load_settings(server={"prot": 1})


def test_a_user_file_without_sections_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("just text")
    monkeypatch.setenv("ZHIWEN_CONFIG", str(tmp_path / "mine.yaml"))
    with pytest.raises(SettingsError, match="must hold sections"):
        load_settings()


def test_all_wrong_settings_are_reported_together_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_KB__CHUNK_SIZE", "-1")
    monkeypatch.setenv("ZHIWEN_KB__TOPK", "3")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "kb.chunk_size = '-1'" in str(caught.value)
    assert "kb.topk: there is no such setting" in str(caught.value)


def test_an_unknown_section_in_the_environment_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_RETREIVAL__TOP_K", "3")
    with pytest.raises(SettingsError, match="ZHIWEN_RETREIVAL__TOP_K"):
        load_settings()


def test_a_user_file_that_is_not_yaml_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("kb: [unclosed")
    monkeypatch.setenv("ZHIWEN_CONFIG", str(tmp_path / "mine.yaml"))
    with pytest.raises(SettingsError, match="could not be read"):
        load_settings()


def test_a_named_user_file_that_is_missing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIWEN_CONFIG", "/nowhere/zhiwen.yaml")
    with pytest.raises(SettingsError, match="no such file"):
        load_settings()


def test_an_overlap_of_more_than_half_a_chunk_is_refused() -> None:
    with pytest.raises(SettingsError, match="chunk_overlap 60 must be at most half"):
        load_settings(kb={"chunk_size": 100, "chunk_overlap": 60})


def test_settings_cannot_be_assigned() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.kb.chunk_size = 1


def test_every_setting_is_in_the_defaults_with_a_comment() -> None:
    lines = DEFAULTS.read_text("utf-8").splitlines()
    commented = {line.split(":")[0].strip() for line in lines if "#" in line and ":" in line}
    sections = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    fields = {key for section in sections.values() for key in section.model_fields}
    assert fields <= commented


@pytest.mark.parametrize(
    "workers",
    [
        {"secret": "SECRET-of-the-workers", "expiry_s": 6},
        {"models": {"q": {"worker": "engine", "api_key": "SECRET-of-an-engine"}}},
        {"models": {"q": {"worker": "engine", "api_key": ["SECRET-of-an-engine"]}}},
        {"models": {"q": {"path": "/m", "base_url": "http://user:SECRET@host"}}},
    ],
)
def test_a_wrong_worker_is_told_without_the_secrets_beside_it(workers: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="workers") as error:
        load_settings(workers=workers)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "models"),
    [("retrieval", "rerankers"), ("embedding", "models"), ("workers", "models")],
)
@pytest.mark.parametrize(
    "wrong",
    [
        [{"name": "mine", "api_key": "SECRET-of-a-model"}],
        "SECRET-of-a-model",
        {"mine": "SECRET-of-a-model"},
        {"mine": ["SECRET-of-a-model"]},
        {"mine": {"api_key": "SECRET-of-a-model\n", "paht": "here"}},
    ],
    ids=str,
)
def test_a_wrong_model_is_told_without_the_secrets_in_it(
    section: str, models: str, wrong: object
) -> None:
    with pytest.raises(SettingsError, match=rf"{section}\.{models}") as error:
        load_settings(**{section: {models: wrong}})
    assert "SECRET" not in str(error.value)
