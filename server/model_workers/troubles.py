"""What went wrong in a talk between two parts of the chain. Knows neither of them."""

import httpx

from server.model_workers.generator import Trouble


def describe(error: Exception) -> Trouble:
    """Return why the other side did not answer as it should."""
    if isinstance(error, httpx.HTTPStatusError):
        return describe_refusal(error.response)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return "it cannot be reached", "无法连接"
    if isinstance(error, httpx.TimeoutException):
        return "it sent nothing in time", "未及时响应"
    if isinstance(error, httpx.HTTPError):
        name = type(error).__name__
        return f"the connection broke ({name})", f"连接中断（{name}）"
    return "it sent what is not an answer", "返回了无法识别的内容"


def describe_refusal(answer: httpx.Response) -> Trouble:
    """Return the message of an answer made by ``refusals.refuse``, else its status."""
    try:
        told = answer.json()["error"]
        return str(told["message"]), str(told["message_zh"])
    except (ValueError, LookupError, TypeError):
        status = f"HTTP {answer.status_code}"
        return status, status
