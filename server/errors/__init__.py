"""The errors of Zhiwen. Each knows its HTTP status, its code and its text in both languages.

ZhiwenError
├── BadInput (422)
│   ├── InvalidRequest          a request that is malformed or has a value out of range
│   ├── InvalidName             a name of a knowledge base or file that cannot be used
│   │   ├── BlankName
│   │   └── UnsafeName (403)    a name that tries to leave its folder
│   ├── EmptyQuestion
│   ├── EmptyDocument           a file without any text
│   ├── Interrupted             a file at which the whole service ended again and again
│   ├── UnreadableDocument      a corrupt, encrypted or wrongly encoded file
│   ├── UnreadablePage          a page that cannot be drawn
│   ├── UnsafeAddress           an address that must not be asked
│   ├── SourceFailed            a source that did not give what it should
│   ├── InvalidTestSet          test questions that cannot be used
│   ├── NothingToRun            a test set without an accepted question
│   ├── RunsDiffer              evaluation runs without a question in common
│   ├── PromptTooLong           a prompt that leaves no room in the context window
│   └── UnknownPrompt (404)
├── UnsupportedFormat (415)
├── NoPages (415)               a format whose pages cannot be drawn
├── TooLarge (413)
├── NotFound (404)
│   ├── UnknownKnowledgeBase
│   ├── UnknownFile, UnknownVersion, UnknownPage, UnknownJob
│   ├── UnknownSource
│   ├── UnknownTestSet, UnknownTestQuestion, UnknownRun
│   ├── UnknownMessage, UnknownConversation
│   └── UnknownModel, UnknownRoute
├── MethodNotAllowed (405)
├── Conflict (409)
│   ├── DuplicateKnowledgeBase
│   ├── DuplicateFile
│   ├── DuplicateSource
│   ├── DuplicateTestSet
│   ├── RunNotDone              an evaluation run that cannot be compared (yet)
│   ├── RunInterrupted          an evaluation run during which the service ended
│   ├── NotReranked             an evaluation run whose reranker failed
│   ├── SourceBusy              it is being synchronised
│   ├── ManyGone                most files of a source would be deleted
│   ├── OwnFile                 a file that a source leaves to the person who uploaded it
│   └── Cancelled               somebody cancelled the work
├── Unauthorized (401)
├── Forbidden (403)
├── SourceOff (403)             the settings do not allow sources of that kind
├── InternalError (500)
├── LostFile (500)
├── Unavailable (503)
│   ├── NoLanguageModel         nothing serves a language model
│   ├── LanguageModelFailed (502)
│   ├── ModelFailed             a model could not be loaded, or failed while it generated
│   ├── ModelBusy (429)         too many requests wait for a model
│   ├── EmbeddingFailed
│   ├── RerankingFailed
│   ├── IndexFailed
│   ├── ParserUnavailable       the program that reads files does not start
│   ├── DatabaseBusy
│   └── DataDirectoryInUse
├── StorageFull (507)
└── StartError                  the service cannot start

Knows nothing of routes: the one handler in ``server/routes/errors.py`` turns them into answers.
"""

from server.errors.base import (
    BadInput,
    Conflict,
    Forbidden,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    StartError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnknownRoute,
    ZhiwenError,
)
from server.errors.documents import (
    BlankName,
    Cancelled,
    DatabaseBusy,
    DataDirectoryInUse,
    DuplicateFile,
    DuplicateKnowledgeBase,
    EmptyDocument,
    IndexFailed,
    Interrupted,
    InvalidName,
    LostFile,
    NoPages,
    ParserUnavailable,
    StorageFull,
    UnknownFile,
    UnknownJob,
    UnknownKnowledgeBase,
    UnknownPage,
    UnknownVersion,
    UnreadableDocument,
    UnreadablePage,
    UnsafeName,
    UnsupportedFormat,
)
from server.errors.evaluation import (
    DuplicateTestSet,
    InvalidTestSet,
    NothingToRun,
    NotReranked,
    RunInterrupted,
    RunNotDone,
    RunsDiffer,
    UnknownRun,
    UnknownTestQuestion,
    UnknownTestSet,
)
from server.errors.models import (
    EmbeddingFailed,
    EmptyQuestion,
    LanguageModelFailed,
    ModelBusy,
    ModelFailed,
    NoLanguageModel,
    PromptTooLong,
    RerankingFailed,
    UnknownConversation,
    UnknownMessage,
    UnknownModel,
    UnknownPrompt,
)
from server.errors.sources import (
    DuplicateSource,
    ManyGone,
    OwnFile,
    SourceBusy,
    SourceFailed,
    SourceOff,
    UnknownSource,
    UnsafeAddress,
)

__all__ = [
    "BadInput",
    "BlankName",
    "Cancelled",
    "Conflict",
    "DataDirectoryInUse",
    "DatabaseBusy",
    "DuplicateFile",
    "DuplicateKnowledgeBase",
    "DuplicateSource",
    "DuplicateTestSet",
    "EmbeddingFailed",
    "EmptyDocument",
    "EmptyQuestion",
    "Forbidden",
    "IndexFailed",
    "InternalError",
    "Interrupted",
    "InvalidName",
    "InvalidRequest",
    "InvalidTestSet",
    "LanguageModelFailed",
    "LostFile",
    "ManyGone",
    "MethodNotAllowed",
    "ModelBusy",
    "ModelFailed",
    "NoLanguageModel",
    "NoPages",
    "NotFound",
    "NotReranked",
    "NothingToRun",
    "OwnFile",
    "ParserUnavailable",
    "PromptTooLong",
    "RerankingFailed",
    "RunInterrupted",
    "RunNotDone",
    "RunsDiffer",
    "SourceBusy",
    "SourceFailed",
    "SourceOff",
    "StartError",
    "StorageFull",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnknownConversation",
    "UnknownFile",
    "UnknownJob",
    "UnknownKnowledgeBase",
    "UnknownMessage",
    "UnknownModel",
    "UnknownPage",
    "UnknownPrompt",
    "UnknownRoute",
    "UnknownRun",
    "UnknownSource",
    "UnknownTestQuestion",
    "UnknownTestSet",
    "UnknownVersion",
    "UnreadableDocument",
    "UnreadablePage",
    "UnsafeAddress",
    "UnsafeName",
    "UnsupportedFormat",
    "ZhiwenError",
]
