"""FastChat without its side effects. Knows nothing of what is taken from it."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def tamed_fastchat() -> Iterator[None]:
    """Import or build parts of FastChat inside: streams, log format and folders stay as they are.

    Left alone, it replaces ``sys.stdout`` and ``sys.stderr``, changes the format of the first
    handler and writes its logs into the working folder.
    """
    os.environ["LOGDIR"] = ""  # read when fastchat.constants is imported
    streams = sys.stdout, sys.stderr
    root = logging.getLogger()
    handlers = list(root.handlers)
    formatters = [handler.formatter for handler in handlers]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for handler, formatter in zip(handlers, formatters, strict=True):
            handler.setFormatter(formatter)
        root.handlers[:] = handlers
        for name in ("controller", "model_worker"):  # they tell of every heartbeat
            logging.getLogger(name).setLevel(logging.WARNING)
