"""Fields that several requests share, so that a name means the same everywhere."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from configs.settings import SplitterName

MAX_TOP_K = 100
MAX_CHUNK = 20_000

TopK = Annotated[int, Field(strict=True, ge=1, le=MAX_TOP_K, description="Most hits to use")]
Threshold = Annotated[
    float,
    Field(
        strict=True,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Distance of the dense leg, 0 to 2, smaller is stricter; 2 lets all pass",
    ),
]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Temperature = Annotated[float, Field(strict=True, ge=0, le=2, allow_inf_nan=False)]
MaxTokens = Annotated[int, Field(strict=True, le=1_000_000)]
ChunkSize = Annotated[
    int,
    Field(
        ge=20,
        le=MAX_CHUNK,
        description='Most characters of a chunk, with the splitter "token" tokens',
    ),
]
ChunkOverlap = Annotated[
    int, Field(ge=0, le=MAX_CHUNK // 2, description="Shared characters or tokens")
]
Splitter = Annotated[SplitterName, Field(description="How documents are cut into chunks")]
ZhTitleEnhance = Annotated[
    bool, Field(description="Chunks carry the Chinese title above them as a heading")
]


def check_text(text: str) -> str:
    """Return a text that can be stored; JSON may carry halves of characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError(
            "broken_text", "holds half of a character (a surrogate)"
        ) from error
    return text


Text = Annotated[str, AfterValidator(check_text)]
Title = Annotated[Text, Field(max_length=200)]
KbName = Annotated[Text, Field(examples=["samples"], description="Name of a knowledge base")]
Question = Annotated[Text, Field(examples=["What does the warranty cover?"])]


class Request(BaseModel):
    """A request body; fields that it does not have are refused by name."""

    model_config = ConfigDict(extra="forbid")


class Turn(BaseModel):
    """A message of the conversation so far."""

    role: Literal["user", "assistant", "system"]
    content: Text


class Cutting(Request):
    """How files are cut into chunks; what is left out comes from what is set already."""

    splitter: Splitter | None = None
    chunk_size: ChunkSize | None = None
    chunk_overlap: ChunkOverlap | None = None
    zh_title_enhance: ZhTitleEnhance | None = None
