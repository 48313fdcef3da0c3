"""The settings of Zhiwen as frozen, typed objects. Does not know who reads them."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from configs.model_settings import (
    EmbeddingModelSettings,
    ModelSettings,
    Positive,
    RerankerSettings,
    Section,
    check_url,
)

ROOT = Path(__file__).resolve().parent.parent
MIN_KEY_CHARS = 12
SECRETS = ("api_key", "secret", "url")
DEFAULTS = ROOT / "configs" / "defaults.yaml"


def resolve(path: Path) -> Path:
    """Return the path as absolute; a relative one counts from the project folder."""
    return path if path.is_absolute() else ROOT / path


ProjectPath = Annotated[Path, AfterValidator(resolve)]


Port = Annotated[int, Field(ge=1, le=65535)]
SplitterName = Literal["recursive", "markdown", "sentence", "token", "table"]


class PathSettings(Section):
    data: ProjectPath
    logs: ProjectPath
    prompts: ProjectPath
    samples: ProjectPath


class ServerSettings(Section):
    host: str
    port: Port
    allowed_hosts: tuple[str, ...]
    max_upload_mb: Positive
    max_files_per_upload: Positive
    legacy_http_200: bool
    language: Literal["auto", "en", "zh"]
    threads: Positive


class AuthSettings(Section):
    api_key: str

    @model_validator(mode="after")
    def check_key(self) -> "AuthSettings":
        """Refuse a key that can be guessed, or that no header can carry."""
        key = self.api_key
        if not (key.isascii() and key.isprintable() and key == key.strip()):
            raise ValueError("the API key must be ASCII letters, digits and signs")
        if self.api_key and len(self.api_key) < MIN_KEY_CHARS:
            raise ValueError(f"the API key must have at least {MIN_KEY_CHARS} characters")
        return self


class KnowledgeBaseSettings(Section):
    default: str
    create_samples: bool
    splitter: SplitterName
    chunk_size: int = Field(ge=20, le=20_000)
    chunk_overlap: int = Field(ge=0, le=10_000)
    zh_title_enhance: bool
    max_file_mb: Positive
    max_extracted_mb: Positive
    max_unpacked_mb: Positive
    max_pages: Positive
    files_at_once: int = Field(ge=1, le=32)
    parse_timeout_s: Positive
    ocr_timeout_s: int = Field(ge=0)
    parse_memory_mb: int = Field(ge=128)
    keep_versions: int = Field(ge=0, le=1000)
    watch_s: float = Field(ge=0)
    coverage_limit: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def check_overlap(self) -> "KnowledgeBaseSettings":
        """Refuse an overlap that leaves no room for new text in a chunk."""
        if self.chunk_overlap * 2 > self.chunk_size:
            raise ValueError(
                f"chunk_overlap {self.chunk_overlap} must be at most half of "
                f"chunk_size {self.chunk_size}"
            )
        return self


class RetrievalSettings(Section):
    top_k: int = Field(ge=1, le=100)
    candidates: int = Field(ge=1, le=1000)
    score_threshold: float = Field(ge=0, le=2)
    lexical_weight: float = Field(ge=0, le=1)
    sentence_weight: float = Field(ge=0, le=1)
    sentence_vectors: int = Field(ge=0, le=100)
    sentence_doubt: float = Field(ge=0, le=2)
    mmr_lambda: float = Field(ge=0, le=1)
    min_relevance: Literal["auto"] | Annotated[float, Field(ge=0, le=1)]
    reranker: str
    rerank_candidates: int = Field(ge=1, le=1000)
    rerankers: dict[str, RerankerSettings]
    context_chars: int = Field(ge=0, le=10_000)


class EmbeddingSettings(Section):
    model: str
    models: dict[str, EmbeddingModelSettings]
    root: ProjectPath
    batch_size: Positive
    threads: int = Field(ge=0)
    idle_s: float = Field(gt=0)
    runtime: Literal["auto", "onnxruntime", "openvino"]


class LlmSettings(Section):
    base_url: Annotated[str, AfterValidator(check_url)]
    api_key: str
    model: str
    temperature: float = Field(ge=0, le=2)
    max_tokens: Positive
    context_tokens: int = Field(ge=512)
    timeout_s: float = Field(gt=0)


class WorkerSettings(Section):
    models: dict[str, ModelSettings]
    host: str
    endpoint_port: Port
    controller_port: Port
    port: Port
    controller: Annotated[str, AfterValidator(check_url)]
    secret: str
    heartbeat_s: float = Field(gt=0)
    expiry_s: float = Field(gt=0)

    @model_validator(mode="after")
    def check_expiry(self) -> "WorkerSettings":
        """Refuse to forget workers between two of their heartbeats, and a guessable secret."""
        if self.expiry_s < 2 * self.heartbeat_s:
            raise ValueError("expiry_s must be at least twice heartbeat_s")
        if self.secret and len(self.secret) < MIN_KEY_CHARS:
            raise ValueError(f"the secret must have at least {MIN_KEY_CHARS} characters")
        return self


class UiSettings(Section):
    host: str
    port: Port
    api_url: Annotated[str, AfterValidator(check_url)]


class ChatSettings(Section):
    on_empty: Literal["refuse", "llm", "template"]
    max_question_chars: Positive
    max_history: int = Field(ge=0)


class SourceSettings(Section):
    web: bool
    allow_private: bool
    web_ports: tuple[Port, ...]
    page_timeout_s: Positive
    sql: bool
    sql_folders: tuple[ProjectPath, ...]
    sql_timeout_s: Positive
    max_sync_mb: Positive


class LoggingSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseSettings):
    """All settings; ``configs/defaults.yaml`` explains each."""

    model_config = SettingsConfigDict(
        env_prefix="ZHIWEN_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    paths: PathSettings
    server: ServerSettings
    auth: AuthSettings
    kb: KnowledgeBaseSettings
    retrieval: RetrievalSettings
    embedding: EmbeddingSettings
    llm: LlmSettings
    workers: WorkerSettings
    chat: ChatSettings
    sources: SourceSettings
    ui: UiSettings
    logging: LoggingSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the files."""
        files = YamlConfigSettingsSource(
            settings_cls, yaml_file=(DEFAULTS, user_file()), deep_merge=True
        )
        return init_settings, env_settings, files


def user_file() -> Path:
    """Return where the user's own settings are: ``$ZHIWEN_CONFIG`` or ``zhiwen.yaml``."""
    return resolve(Path(os.environ.get("ZHIWEN_CONFIG") or "zhiwen.yaml"))


class SettingsError(ValueError):
    """The settings are wrong; the message names every wrong one."""


def load_settings(**flags: dict[str, Any]) -> Settings:
    """Read the settings; ``flags`` are sections with the values that win, e.g. ``server={...}``.

    Raises:
        SettingsError: a file is missing or not YAML, a name is unknown or a value out of range.
    """
    chosen = os.environ.get("ZHIWEN_CONFIG")
    if chosen and not user_file().is_file():
        raise SettingsError(f"ZHIWEN_CONFIG names {chosen!r}, but there is no such file.")
    check_environment()
    check_user_file()
    if key := os.environ.get("ZHIWEN_API_KEY"):
        flags = {**flags, "auth": {"api_key": key, **flags.get("auth", {})}}
    try:
        return Settings(**flags)  # type: ignore[arg-type]  # pydantic turns the dicts into sections
    except ValidationError as error:
        lines = [f"  {describe(problem)}" for problem in error.errors()]
        head = "These settings are wrong 以下设置有误："
        raise SettingsError("\n".join([head, *lines])) from error
    except (OSError, ValueError) as error:
        text = f"The settings could not be read 无法读取设置：{error}"
        raise SettingsError(text) from error


def check_environment() -> None:
    """Refuse a variable that names no section: it would have no effect, and nobody would know.

    Raises:
        SettingsError: there is one.
    """
    for name in os.environ:
        section, separator, _ = name.removeprefix("ZHIWEN_").partition("__")
        if (
            name.startswith("ZHIWEN_")
            and separator
            and section.lower() not in Settings.model_fields
        ):
            known = ", ".join(Settings.model_fields)
            raise SettingsError(f"{name}: there is no section {section.lower()!r}; known: {known}")


def check_user_file() -> None:
    """Refuse a file that holds something else than sections.

    Raises:
        SettingsError: it does, or it is not YAML.
    """
    path = user_file()
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        text = f"The settings in {path} could not be read 无法读取设置：{error}"
        raise SettingsError(text) from error
    if content is not None and not isinstance(content, dict):
        raise SettingsError(
            f"{path} must hold sections, such as\n  server:\n    port: 8000\n"
            f"该文件须由小节组成，格式如上。"
        )


def describe(problem: Any) -> str:  # pydantic's ErrorDetails, a TypedDict of its core
    """Return one line that names a wrong setting, its value and what is allowed."""
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, list_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else "configs/defaults.yaml lists all of them"
        return f"{name}: there is no such setting; {hint}"
    value = problem["input"]
    # A section as a whole, what stands in its place, or a key would show secrets in the log.
    is_secret = isinstance(value, (dict, list, tuple, Section)) or name.endswith(SECRETS)
    is_shown = not is_secret and problem["type"] not in ("dict_type", "model_type")
    return f"{name} = {value!r}: {problem['msg']}" if is_shown else f"{name}: {problem['msg']}"


def list_names() -> list[str]:
    """Return the names of all settings, with those of the sections alone."""
    sections: dict[str, dict[str, Any]] = yaml.safe_load(DEFAULTS.read_text("utf-8"))
    return [*sections, *(f"{name}.{key}" for name, keys in sections.items() for key in keys)]
