"""Models that settings describe by a name of the user's own. Does not know who runs them."""

from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(ge=1)]


def check_url(url: str) -> str:
    """Return the URL of a service.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    check_port(parts)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError(
            "must begin with http:// or https:// and a host, as http://localhost:11434/v1"
        )
    if parts.username or parts.password:  # URLs are shown in messages and logs
        raise ValueError("must not hold a user or password; keys belong into api_key")
    return url


def check_port(parts: SplitResult) -> None:
    """Refuse a port that no service can have; one that is left out is right.

    Raises:
        ValueError: it is no number from 1 to 65535.
    """
    try:
        is_wrong = parts.port == 0
    except ValueError:
        is_wrong = True
    if is_wrong:
        raise ValueError("the port must be a number from 1 to 65535")


class Section(BaseModel):
    """A group of settings: unknown names are refused, values cannot be assigned."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RerankerSettings(Section):
    """A reranker by a name of the user's own; ``docs/models.md`` explains each field."""

    path: str = ""  # folder of the checkpoint
    base_url: Annotated[str, AfterValidator(check_url)] = ""
    format: Literal["jina", "tei"] = "jina"  # how the endpoint is asked
    api_key: str = ""
    model: str = ""  # its name at the endpoint
    timeout_s: float = Field(default=30, gt=0)
    languages: tuple[Literal["en", "zh"], ...] = ("en", "zh")

    @model_validator(mode="after")
    def check_place(self) -> "RerankerSettings":
        """Refuse a reranker that is nowhere or in two places, and a key that no header takes."""
        if bool(self.path) == bool(self.base_url):
            raise ValueError("a reranker needs either path, its folder, or base_url, its endpoint")
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("the API key must be ASCII letters, digits and signs")
        return self


class EmbeddingModelSettings(Section):
    """An embedding model; ``docs/models.md`` explains each field."""

    path: str = ""  # folder of a checkpoint; a relative one counts from the project folder
    base_url: Annotated[str, AfterValidator(check_url)] = ""
    api_key: str = Field(default="", pattern=r"^[!-~]*$")  # what a header can carry
    model: str = ""  # its name at ``base_url``
    languages: tuple[Literal["en", "zh"], ...] = ()
    dimension: int = Field(default=0, ge=0)
    query_instruction: str | None = None
    document_instruction: str | None = None
    pooling: Literal["", "cls", "mean", "last"] = ""
    max_tokens: int = Field(default=0, ge=0)
    trust_remote_code: bool = False

    @model_validator(mode="after")
    def check_place(self) -> "EmbeddingModelSettings":
        """Refuse a model that is in two places."""
        if self.path and self.base_url:
            raise ValueError("an embedding model has a path or a base_url, not both")
        return self


class ModelSettings(Section):
    """A language model to serve; ``docs/models.md`` explains each field."""

    worker: Literal["transformers", "engine"] = "transformers"
    path: str = ""  # folder of the checkpoint; what {path} in ``command`` stands for
    base_url: Annotated[str, AfterValidator(check_url)] = ""
    command: tuple[str, ...] = ()
    api_key: str = ""
    engine_model: str = ""
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = "auto"
    gpus: str = ""
    num_gpus: Positive = 1
    max_gpu_memory: str = Field(default="", pattern=r"^(\d+(\.\d+)?\s*([KMG]i?B))?$")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    threads: int = Field(default=0, ge=0)
    context_tokens: int = Field(default=0, ge=0)
    max_waiting: Positive = 32
    trust_remote_code: bool = False

    @model_validator(mode="after")
    def check_engine(self) -> "ModelSettings":
        """Refuse a model that names nothing to serve."""
        if self.worker == "engine" and not self.base_url:
            raise ValueError(
                "an engine worker needs base_url, the OpenAI-style address of its engine"
            )
        if self.worker == "transformers" and not self.path:
            raise ValueError("a transformers worker needs path, the folder of the checkpoint")
        return self
