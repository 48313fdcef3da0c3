"""The gate before controller and workers: only who knows the secret passes. Knows no routes."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import ZhiwenError
from server.model_workers.probes import OPEN_PATHS
from server.model_workers.refusals import refuse
from server.model_workers.shared_secret import HEADER


class WrongSecret(ZhiwenError):
    """A request without the secret of controller and workers, or with another one."""

    status = 401
    code = "wrong_secret"
    en = (
        "This service talks only to those that know its secret. On several machines, set "
        "workers.secret in zhiwen.yaml to the same value on each."
    )
    zh = (
        "此服务只接受持有共享密钥的请求。"
        "多机部署时，请在各机 zhiwen.yaml 中设置相同的 workers.secret。"
    )


class SecretGate:
    """Refuses what does not carry the shared secret; probes are open."""

    def __init__(self, app: ASGIApp, *, secret: str) -> None:
        self.app = app
        self.secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            headers = Headers(scope=scope)
            if not hmac.compare_digest(headers.get(HEADER, "").encode(), self.secret):
                await refuse(WrongSecret())(scope, receive, send)
                return
        await self.app(scope, receive, send)
