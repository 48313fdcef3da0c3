"""Test sets and evaluation runs, as ``/api/v1`` takes and shows them."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from server.schemas.fields import Request, Text
from server.schemas.native import ErrorDetail

MAX_QUESTIONS = 5000  # of a test set
MAX_DRAFTS = 100  # that are drafted at once
MAX_FILES = 20

Kind = Literal["answerable", "foreign", "near_miss"]
JudgedBy = Literal["quote", "answer", "file", "refusal"]
Status = Literal["accepted", "draft"]
RunStatus = Literal["running", "done", "failed", "cancelled"]


def check_letters(text: str) -> str:
    """Return a text that has a letter or digit: nothing else is compared."""
    if not re.search(r"[^\W_]", text):
        raise PydanticCustomError("no_letters", "must have a letter or digit")
    return text


SetName = Annotated[Text, Field(min_length=1, max_length=100), AfterValidator(check_letters)]
RunName = Annotated[Text, Field(max_length=100)]
QuestionText = Annotated[Text, Field(max_length=2000), AfterValidator(check_letters)]
Passage = Annotated[Text, Field(max_length=5000), AfterValidator(check_letters)]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]  # what SQL takes
FileName = Annotated[Text, Field(min_length=1, max_length=255)]


class NewQuestion(Request):
    """A question with what is right.

    ``kind``: "foreign" and "near_miss" must be refused; the latter is about what the documents are
    about, but asks for what they do not say.
    """

    label: Annotated[Text, Field(max_length=200)] = Field(
        default="", description="your own name for it"
    )
    question: QuestionText
    files: list[FileName] = Field(
        default=[], max_length=MAX_FILES, description="each holds an answer"
    )
    quotes: list[Passage] = Field(
        default=[],
        max_length=20,
        description="a right chunk holds one of them; if there is none, one of the answers",
    )
    answers: list[Passage] = Field(
        default=[], max_length=50, description="a right answer holds one"
    )
    kind: Kind = "answerable"

    @model_validator(mode="after")
    def check_kind(self) -> "NewQuestion":
        """Refuse what contradicts itself."""
        if self.kind == "answerable" and not self.files:
            raise PydanticCustomError("no_file", "needs the files that hold the answer")
        if self.kind != "answerable" and (self.files or self.quotes or self.answers):
            raise PydanticCustomError(
                "answer_to_refuse", "must be refused, so it has no files, quotes and answers"
            )
        return self


class CreateTestSet(Request):
    """A new test set."""

    name: SetName
    questions: list[NewQuestion] = Field(default=[], max_length=MAX_QUESTIONS)


class TestSet(BaseModel):
    """A test set; only accepted questions are used in runs."""

    id: int
    name: str
    accepted: int
    drafts: int
    created_at: datetime


class ImportedTestSet(TestSet):
    """A test set that was made of a file."""

    skipped: list[str] = Field(description="questions left out, as no file holds their passage")
    skipped_total: int


class TestQuestion(BaseModel):
    """A question of a test set; ``origin`` tells who wrote it."""

    id: int
    label: str
    question: str
    files: list[str]
    quotes: list[str]
    answers: list[str]
    kind: Kind
    status: Status
    origin: Literal["person", "rule", "llm"]


class ChangeQuestion(NewQuestion):
    """A question in place of what it was; what a person writes is accepted."""

    status: Status = "accepted"


class Accept(Request):
    """Drafts to accept; all, if ``ids`` is left out."""

    ids: list[Id] | None = Field(None, max_length=MAX_QUESTIONS)


class Accepted(BaseModel):
    """How many drafts were accepted."""

    accepted: int


class DraftRequest(Request):
    """How many questions to draft from the documents."""

    count: int = Field(20, ge=1, le=MAX_DRAFTS)
    use_llm: bool = Field(False, description="let the language model write them, if one serves")


class BeginRun(Request):
    """A run; ``settings`` are retrieval settings that differ from those in force."""

    name: RunName = ""
    settings: dict[str, Any] = Field({}, examples=[{"lexical_weight": 0.5}])


class Run(BaseModel):
    """A run; its metrics are percentages."""

    id: int
    test_set: int
    knowledge_base: str
    name: str
    status: RunStatus
    done: int = Field(description="questions")
    total: int
    overrides: dict[str, Any]
    settings: dict[str, Any] = Field(description="of retrieval, all that were in force")
    revision: int = Field(description="of the knowledge base when it began")
    embedding_model: str
    metrics: dict[str, float] | None
    counts: dict[str, int] | None = Field(description="of how many questions each metric is")
    to_look_at: int | None = Field(description="questions that are not good, once it is done")
    error: ErrorDetail | None
    created_at: datetime
    finished_at: datetime | None


class FoundChunk(BaseModel):
    """A hit of a question."""

    rank: int
    file: str
    order: int = Field(description="place among the chunks of its file")
    score: float
    relevance: float
    is_right: bool
    text: str = Field(description="its beginning")


class Outcome(BaseModel):
    """What became of a question."""

    ranks: list[int] = Field(description="of all that is right, among the first 50")
    gold: int = Field(description="how many right chunks or files there are; 0: none can be found")
    judged_by: JudgedBy
    is_covered: bool = Field(description="false: it was refused")
    is_supported: bool = Field(description="false: answered with a warning, or refused")
    is_answered: bool | None = Field(description="null: no answer is expected")
    answer: list[str] = Field(description="the quotes of the answer")
    found: list[FoundChunk]


class RunQuestion(BaseModel):
    """A question of a run, as it was then, with what became of it."""

    question_id: int
    expected: NewQuestion
    outcome: Outcome
    is_good: bool = Field(
        description="right: found among the first 5 and answered, or refused as it must be"
    )


class Difference(BaseModel):
    """A metric of two runs, in points; the interval is of the difference."""

    before: float
    after: float
    difference: float
    low: float | None = Field(description="2.5 %; null: too few documents to tell")
    high: float | None = Field(description="97.5 %")
    is_better: bool = Field(description="all of the interval is an improvement")
    is_worse: bool
    questions: int
    documents: int = Field(description="of which samples were drawn")


class ChangedQuestion(BaseModel):
    """A question that one of two runs did better: its metrics in percent, before and after."""

    question: str
    files: list[str]
    before: dict[str, float]
    after: dict[str, float]


class Comparison(BaseModel):
    """How a run compares with an earlier one over the questions that both have."""

    questions: int
    metrics: dict[str, Difference]
    better: list[ChangedQuestion]
    worse: list[ChangedQuestion]
