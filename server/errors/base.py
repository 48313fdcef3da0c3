"""The root of the error tree, its branches, and the errors that any route may answer."""

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


class StartError(ZhiwenError):
    """The service cannot start; ``reason_en`` and ``reason_zh`` say why and what to do."""

    code = "cannot_start"
    en = "{reason_en}"
    zh = "{reason_zh}"
