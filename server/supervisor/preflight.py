"""What is checked before anything starts, so that a failure is told in a sentence.

Does not know what will be started.
"""

import errno
import shutil
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

from server.datatypes import Language
from server.errors import StartError

MIN_FREE_BYTES = 200 * 2**20  # room for the database, its log and the samples


def check_folder(path: Path, setting: str) -> None:
    """Create a folder if needed and write into it; root can be refused too (read-only mounts).

    Raises:
        StartError: it is not a folder that can be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        try_to_write(path)
    except OSError as error:
        raise StartError(
            reason_en=f"The folder {path} ({setting}) cannot be written: {error.strerror}. "
            f"Give this user the right to write there, or set {setting} to another folder.",
            reason_zh=f"文件夹 {path}（{setting}）不可写：{error.strerror}。"
            f"请授予当前用户写权限，或将 {setting} 设为其他文件夹。",
        ) from error


def try_to_write(folder: Path | None) -> None:
    """Write a file of one block that vanishes again; None: in the system's temporary folder.

    Raises:
        OSError: it is not possible.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0" * 4096)


def check_space(path: Path, *, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Check that the file system of a folder has room.

    Raises:
        StartError: it has less than needed.
    """
    free = shutil.disk_usage(path).free
    if free < min_free_bytes:
        free_mb, needed_mb = free // 2**20, min_free_bytes // 2**20
        raise StartError(
            reason_en=f"The disk of {path} has {free_mb} MB free, {needed_mb} MB are needed. "
            "Free some space, or set paths.data to a folder on another disk.",
            reason_zh=f"{path} 所在磁盘仅剩 {free_mb} MB，至少需要 {needed_mb} MB。"
            "请清理磁盘，或将 paths.data 设为其他磁盘上的文件夹。",
        )


def check_temporary_folder() -> None:
    """Check that there is a folder for temporary files.

    Raises:
        StartError: none of the usual ones can be written.
    """
    try:
        try_to_write(None)
    except OSError as error:
        raise StartError(
            reason_en=f"There is no folder for temporary files: {error.strerror}. "
            "Free some space in /tmp, or set the environment variable TMPDIR to a folder that can "
            "be written.",
            reason_zh=f"没有可用的临时文件夹：{error.strerror}。"
            "请清理 /tmp，或将环境变量 TMPDIR 设为可写的文件夹。",
        ) from error


def check_port(host: str, port: int, *, setting: str = "server.port") -> None:
    """Bind the port that a setting chose and let it go again.

    Raises:
        StartError: it is taken, or this machine or user cannot listen there.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as trial:
                # As the server does it: a port whose last connections only linger is free.
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise port_taken(host, port, setting) from error
        raise StartError(
            reason_en=f"Cannot listen on {host!r}, port {port}: {error.strerror}. Choose an "
            f"address of this machine with {flag_or_setting(host_setting(setting), 'en')}, and a "
            f"port from 1024 to 65535 with {flag_or_setting(setting, 'en')}.",
            reason_zh=f"无法监听 {host!r} 的端口 {port}：{error.strerror}。"
            f"请用 {flag_or_setting(host_setting(setting), 'zh')} 指定本机地址，"
            f"用 {flag_or_setting(setting, 'zh')} 指定 1024 到 65535 之间的端口。",
        ) from error


def check_distinct(ports: Iterable[tuple[int, str]]) -> None:
    """Check that no two services are to listen on one port; each comes with its setting.

    Raises:
        StartError: two are.
    """
    settings: dict[int, str] = {}
    for port, setting in ports:
        if port in settings:
            raise StartError(
                reason_en=f"{settings[port]} and {setting} both lead to port {port}. Change one of "
                "them in zhiwen.yaml; each model takes a port of its own, from workers.port on.",
                reason_zh=f"{settings[port]} 与 {setting} 使用了同一端口 {port}。请在 zhiwen.yaml "
                "中修改其一；每个模型从 workers.port 起各占一个端口。",
            )
        settings[port] = setting


def host_setting(setting: str) -> str:
    """Return the setting of the address that belongs to that of a port."""
    return f"{setting.partition('.')[0]}.host"


def flag_or_setting(setting: str, language: Language) -> str:
    """Return how a setting is changed: with its flag if it has one, and in the file."""
    flag = {"server.host": "--host", "server.port": "--port"}.get(setting)
    if language == "zh":
        return f"{flag} 或 zhiwen.yaml 中的 {setting}" if flag else f"zhiwen.yaml 中的 {setting}"
    return f"{flag} or {setting} in zhiwen.yaml" if flag else f"{setting} in zhiwen.yaml"


def port_taken(host: str, port: int, setting: str) -> StartError:
    """Return the error that names who has the port, as far as this user may see it."""
    owner = port_owner(port)
    by_en = f" by {owner}" if owner else ""
    by_zh = f"（{owner}）" if owner else ""
    return StartError(
        reason_en=f"Port {port} on {host!r} is already in use{by_en}. Choose another with "
        f"{flag_or_setting(setting, 'en')}; ./shutdown_all.sh stops an earlier start of Zhiwen.",
        reason_zh=f"{host!r} 的端口 {port} 已被占用{by_zh}。请用 {flag_or_setting(setting, 'zh')} "
        "换一个端口；如需停止之前启动的知问，请运行 ./shutdown_all.sh。",
    )


def port_owner(port: int) -> str | None:
    """Return the id and name of the process that listens on a port, if this user may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                return f"{connection.pid} {psutil.Process(connection.pid).name()}"
    except (psutil.Error, ValueError):
        return None
    return None
