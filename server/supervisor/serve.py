"""The API in this process: settings, log, port, certificate, uvicorn. Does not know its routes."""

import logging.config
import os
import ssl
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from configs import Settings, load_settings
from configs.settings import SettingsError
from server.errors import StartError, ZhiwenError
from server.language import choose_language
from server.parent import PARENT_VARIABLE, watch_parent
from server.readiness import Readiness
from server.supervisor import instance, pidfile, preflight
from server.supervisor.console import Console
from server.supervisor.heaps import share_heaps, trim_heaps

PRIVATE = 0o077  # logs and data are for the user who starts the service
GRACE_S = 5  # for requests under way; the supervisor kills after 8


def serve(
    server: dict[str, Any],  # values of flags, checked by the settings
    *,
    ssl_keyfile: str | None = None,
    ssl_certfile: str | None = None,
) -> int:
    """Serve the API until a signal and return the exit status; ``server``: settings that win."""
    is_alone = PARENT_VARIABLE not in os.environ
    share_heaps()
    trim_heaps()
    watch_parent()
    os.umask(PRIVATE)
    try:
        settings = load_settings(server=server)
    except SettingsError as error:
        Console(choose_language("auto")).write(str(error), is_error=True)
        return 2
    try:
        preflight.check_folder(settings.paths.data, "paths.data")
        with list_api(settings) if is_alone else nullcontext():
            preflight.check_port(settings.server.host, settings.server.port)
            check_certificate(ssl_keyfile, ssl_certfile)
            run(settings, ssl_keyfile, ssl_certfile)
    except ZhiwenError as error:
        Console(choose_language(settings.server.language)).fail(error)
        return 1
    return 0


def list_api(settings: Settings) -> AbstractContextManager[None]:
    """Return the claim of an API that no supervisor started, so that it is found and stopped.

    Raises:
        StartError: its folder cannot be written.
    """
    data = settings.paths.data
    preflight.check_folder(pidfile.folder(data), "paths.data")
    return instance.claim_own(pidfile.pid_file(data, "api"), "api")


def check_certificate(keyfile: str | None, certfile: str | None) -> None:
    """Load the certificate and its key, if there are any.

    Raises:
        StartError: they cannot be read, do not belong together or the key is encrypted.
    """
    if keyfile is None or certfile is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certfile, keyfile, password="")  # "" : never ask at the terminal
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise StartError(
            reason_en=f"The certificate {certfile!r} with the key {keyfile!r} cannot be used: "
            f"{error}. Give two PEM files that belong together, the key without a password.",
            reason_zh=f"证书 {certfile!r} 与私钥 {keyfile!r} 不可用：{error}。"
            "请提供相互匹配的 PEM 文件，私钥不能带密码。",
        ) from error


def run(settings: Settings, keyfile: str | None, certfile: str | None) -> None:
    """Build the app and serve it."""
    logging.config.dictConfig(log_config(settings.logging.level))
    import uvicorn

    from server.app import create_app

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        ssl_keyfile=keyfile,
        ssl_certfile=certfile,
        log_config=None,
        log_level=settings.logging.level.lower(),
        access_log=settings.logging.level == "DEBUG",
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    readiness: Readiness = app.state.container.readiness
    readiness.on_failure = lambda: setattr(server, "should_exit", True)
    server.run()
    if error := readiness.read().error:
        raise error


def log_config(level: str) -> dict[str, Any]:  # the schema of logging.config
    """Return a configuration that writes time, level and logger to stdout."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stdout",
            }
        },
        "root": {"level": level, "handlers": ["console"]},
        # They tell at length about what works.
        "loggers": {name: {"level": "WARNING"} for name in ("alembic", "faiss", "httpx")},
    }
