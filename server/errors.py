"""The errors of Zhiwen. Each knows its HTTP status, its code and its text in both languages.

ZhiwenError
├── BadInput (422)
│   ├── InvalidRequest          a request that is malformed or has a value out of range
│   ├── InvalidName             a name of a knowledge base or file that cannot be used
│   │   ├── BlankName
│   │   └── UnsafeName (403)    a name that tries to leave its folder
│   ├── EmptyQuestion
│   ├── EmptyDocument           a file without any text
│   ├── UnreadableDocument      a corrupt, encrypted or wrongly encoded file
│   ├── PromptTooLong           a prompt that leaves no room in the context window
│   └── UnknownPrompt (404)
├── UnsupportedFormat (415)
├── TooLarge (413)
├── NotFound (404)
│   ├── UnknownKnowledgeBase
│   ├── UnknownFile
│   ├── UnknownMessage, UnknownConversation
│   └── UnknownModel, UnknownRoute
├── MethodNotAllowed (405)
├── Conflict (409)
│   ├── DuplicateKnowledgeBase
│   └── DuplicateFile
├── Unauthorized (401)
├── Forbidden (403)
├── InternalError (500)
├── LostFile (500)
├── Unavailable (503)
│   ├── NoLanguageModel         nothing serves a language model
│   ├── LanguageModelFailed (502)
│   ├── ModelFailed             a model could not be loaded, or failed while it generated
│   ├── ModelBusy (429)         too many requests wait for a model
│   ├── EmbeddingFailed
│   ├── IndexFailed
│   ├── DatabaseBusy
│   └── DataDirectoryInUse
├── StorageFull (507)
└── StartError                  the service cannot start

Knows nothing of routes: the one handler in ``server/routes/errors.py`` turns them into answers.
"""

from typing import ClassVar

from server.datatypes import Language


class ZhiwenError(Exception):
    """The root of all errors that a user may see."""

    status: ClassVar[int] = 500
    legacy_status: ClassVar[int | None] = None  # where the 0.2.x routes use another code
    code: ClassVar[str] = "internal_error"
    en: ClassVar[str] = "Something went wrong. The log of the service says more."
    zh: ClassVar[str] = "服务内部出错，详情请查看服务日志。"

    def __init__(self, *, param: str | None = None, **values: object) -> None:
        """Keep the values that the text of the class names; ``param`` is the field at fault."""
        self.param = param
        self.values = values
        super().__init__(self.message("en"))

    def message(self, language: Language) -> str:
        """Return what was wrong, what is allowed and what to do, in the language asked for."""
        return (self.zh if language == "zh" else self.en).format(**self.values)


class BadInput(ZhiwenError):
    """The request cannot be carried out as it is."""

    status = 422


class InvalidRequest(BadInput):
    """A value is missing, malformed or out of range; ``problem_en`` and ``problem_zh`` say it."""

    code = "invalid_request"
    en = "The request is not valid: {problem_en}"
    zh = "请求有误：{problem_zh}"


class InvalidName(BadInput):
    """A name that cannot be used; ``reason_en`` and ``reason_zh`` say why."""

    code = "invalid_name"
    en = "The name {name!r} cannot be used: {reason_en}"
    zh = "名称 {name!r} 不可用：{reason_zh}"


class BlankName(InvalidName):
    """An empty name."""

    legacy_status = 404


class UnsafeName(InvalidName):
    """A name that tries to leave its folder."""

    status = 403
    code = "unsafe_name"


class EmptyQuestion(BadInput):
    """A question without a letter or digit."""

    code = "empty_question"
    en = "The question is empty. Write a question in Chinese or English."
    zh = "问题为空，请输入中文或英文问题。"


class EmptyDocument(BadInput):
    """A file without any text."""

    code = "empty_document"
    en = "{name!r} holds no text, so nothing was added. If it is a scan, it needs OCR first."
    zh = "{name!r} 中没有任何文字，未添加。如果是扫描件，请先做 OCR。"


class UnreadableDocument(BadInput):
    """A file that its loader cannot read; ``reason_en`` and ``reason_zh`` say why."""

    code = "unreadable_document"
    en = "{name!r} could not be read, so nothing was added: {reason_en}"
    zh = "无法读取 {name!r}，未添加：{reason_zh}"


class UnknownPrompt(BadInput):
    """A prompt template that ``prompts.yaml`` does not have."""

    status = 404
    code = "unknown_prompt"
    en = "There is no prompt {name!r} under {group!r}. Known: {known}."
    zh = "{group!r} 下没有名为 {name!r} 的提示模板。可用的有：{known}。"


class PromptTooLong(BadInput):
    """The prompt leaves no room for an answer; both counts are in tokens."""

    status = 400
    code = "context_length_exceeded"
    en = "The prompt takes {tokens} tokens, the context window has {limit}. Shorten it."
    zh = "提示词共 {tokens} 个词元，超出模型上下文窗口 {limit}，请缩短。"


class UnsupportedFormat(ZhiwenError):
    """A file whose name does not end in a known format."""

    status = 415
    code = "unsupported_format"
    en = "{name!r} is of a format that cannot be read. Supported: {supported}."
    zh = "不支持 {name!r} 的格式。支持的格式：{supported}。"


class TooLarge(ZhiwenError):
    """More than the settings allow; ``setting`` names the one to raise."""

    status = 413
    code = "too_large"
    en = (
        "{what_en} is larger than the {limit} allowed. Split it, or raise {setting} in zhiwen.yaml."
    )
    zh = "{what_zh}超过上限 {limit}。请拆分，或在 zhiwen.yaml 中调大 {setting}。"


class NotFound(ZhiwenError):
    """What was named does not exist."""

    status = 404
    code = "not_found"


class UnknownKnowledgeBase(NotFound):
    """No knowledge base has that name."""

    code = "unknown_knowledge_base"
    en = "There is no knowledge base called {name!r}. Create it, or choose one from the list."
    zh = "没有名为 {name!r} 的知识库。请先创建，或从列表中选择。"


class UnknownFile(NotFound):
    """The knowledge base has no file of that name."""

    code = "unknown_file"
    en = "The knowledge base {knowledge_base!r} has no file called {name!r}."
    zh = "知识库 {knowledge_base!r} 中没有名为 {name!r} 的文件。"


class LostFile(ZhiwenError):
    """The row of a file is there, its bytes are not: somebody removed them from the disk."""

    code = "lost_file"
    en = "The stored bytes of {name!r} are missing from the disk. Upload the file again."
    zh = "磁盘上 {name!r} 的原始文件已丢失，请重新上传。"


class UnknownMessage(NotFound):
    """No stored answer has that id."""

    code = "unknown_message"
    en = "There is no message with the id {message_id!r}."
    zh = "没有 id 为 {message_id!r} 的消息。"


class UnknownConversation(NotFound):
    """No conversation has that id."""

    code = "unknown_conversation"
    en = "There is no conversation with the id {conversation_id!r}. It may have been deleted."
    zh = "没有 id 为 {conversation_id!r} 的对话，可能已被删除。"


class UnknownModel(NotFound):
    """No worker serves a model of that name."""

    code = "model_not_found"
    en = "No worker serves a model called {model!r}. Served now: {known}."
    zh = "没有名为 {model!r} 的模型在运行。当前可用：{known}。"


class UnknownRoute(NotFound):
    """No route has that path."""

    en = "There is nothing at {path!r}. /docs lists every route."
    zh = "{path!r} 不存在。所有接口见 /docs。"


class MethodNotAllowed(ZhiwenError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    en = "{method} is not allowed at {path!r}. /docs lists every route with its method."
    zh = "{path!r} 不支持 {method} 方法。各接口的方法见 /docs。"


class Conflict(ZhiwenError):
    """The request contradicts what exists."""

    status = 409
    code = "conflict"


class DuplicateKnowledgeBase(Conflict):
    """The name is taken; capital and small letters count as the same."""

    legacy_status = 404
    code = "duplicate_knowledge_base"
    en = "There is already a knowledge base called {name!r}. Choose another name."
    zh = "已存在同名知识库 {name!r}，请换一个名称。"


class DuplicateFile(Conflict):
    """The file exists and the request does not allow to replace it."""

    code = "duplicate_file"
    en = "{name!r} already exists. Set override to true to replace it."
    zh = "{name!r} 已存在。如需替换请将 override 设为 true。"


class Unauthorized(ZhiwenError):
    """The API key is missing or wrong."""

    status = 401
    code = "unauthorized"
    en = (
        "A valid API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'. "
        "The key is the one set as ZHIWEN_API_KEY or printed at the first start."
    )
    zh = (
        "需要有效的 API 密钥：请发送请求头 'Authorization: Bearer KEY' 或 'X-API-Key: KEY'。"
        "密钥为 ZHIWEN_API_KEY 的值，或首次启动时打印的密钥。"
    )


class Forbidden(ZhiwenError):
    """A request from a place that may not ask; ``host`` names it."""

    status = 403
    code = "forbidden"
    en = (
        "Requests for the host or from the origin {host!r} are not accepted on loopback. "
        "Behind a proxy, add the name to server.allowed_hosts in zhiwen.yaml."
    )
    zh = (
        "本机模式下不接受来自 {host!r} 的请求。"
        "若经由代理访问，请在 zhiwen.yaml 的 server.allowed_hosts 中加入该名称。"
    )


class InternalError(ZhiwenError):
    """A fault of ours; the log has the traceback under ``request_id``."""

    en = "Something went wrong on our side. The log of the API has the details under {request_id}."
    zh = "服务内部出错，详情见 API 日志，编号 {request_id}。"


class Unavailable(ZhiwenError):
    """Something that is needed is not there now; trying again may help."""

    status = 503
    code = "unavailable"


class NoLanguageModel(Unavailable):
    """The request needs a language model and none is configured."""

    code = "no_language_model"
    en = (
        "No language model is served, so there is no free chat. Set llm.base_url in zhiwen.yaml to "
        "an OpenAI-style endpoint, or ask a knowledge base: that works without a model."
    )
    zh = (
        "当前没有可用的大模型，无法自由对话。请在 zhiwen.yaml 中将 llm.base_url 设为 OpenAI 风格的"
        "接口地址，或向知识库提问（无需模型）。"
    )


class LanguageModelFailed(Unavailable):
    """The language model did not answer, or broke off; ``reason_en``/``reason_zh`` say how."""

    status = 502
    code = "language_model_failed"
    en = "The language model at {base_url} failed: {reason_en}."
    zh = "位于 {base_url} 的大模型出错：{reason_zh}。"


class ModelFailed(Unavailable):
    """A model could not be loaded or failed; ``reason_en`` and ``reason_zh`` say how."""

    code = "model_failed"
    en = "The model {model!r} failed: {reason_en}"
    zh = "模型 {model!r} 出错：{reason_zh}"


class ModelBusy(Unavailable):
    """As many requests wait for a model as may."""

    status = 429
    code = "model_busy"
    en = "{waiting} requests already wait for the model {model!r}. Try again in a few seconds."
    zh = "已有 {waiting} 个请求在等待模型 {model!r}，请几秒后重试。"


class EmbeddingFailed(Unavailable):
    """The embedding model could not be loaded or failed; ``reason`` says how."""

    code = "embedding_failed"
    en = "The embedding model {model!r} failed: {reason}"
    zh = "向量模型 {model!r} 出错：{reason}"


class IndexFailed(Unavailable):
    """An index could not be brought up to date; the next request tries again."""

    code = "index_failed"
    en = "The index of the knowledge base {name!r} is not ready: {reason} Try again."
    zh = "知识库 {name!r} 的索引尚未就绪：{reason} 请重试。"


class DatabaseBusy(Unavailable):
    """Somebody else held the database for too long."""

    code = "database_busy"
    en = "The database is busy with another change. Try again in a few seconds."
    zh = "数据库正忙于其他写入，请稍后重试。"


class DataDirectoryInUse(Unavailable):
    """A second process wants to serve the same data directory."""

    code = "data_directory_in_use"
    en = (
        "The data directory {path} is in use by another Zhiwen (process {pid}). Stop that process "
        "(./shutdown_all.sh stops what startup.py started), or set paths.data to another folder."
    )
    zh = (
        "数据目录 {path} 正被另一个知问进程（{pid}）使用。"
        "请停止该进程（由 startup.py 启动的可用 ./shutdown_all.sh），或将 paths.data 设为其他目录。"
    )


class StorageFull(ZhiwenError):
    """The disk has no room left, or cannot be written."""

    status = 507
    code = "storage_full"
    en = (
        "The disk cannot be written: {reason}. "
        "Free some space or make the data folder writable, then try again."
    )
    zh = "磁盘无法写入：{reason}。请清理空间或确认数据目录可写，然后重试。"


class StartError(ZhiwenError):
    """The service cannot start; ``reason_en`` and ``reason_zh`` say why and what to do."""

    code = "cannot_start"
    en = "{reason_en}"
    zh = "{reason_zh}"
