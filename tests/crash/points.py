"""The fault points that the code names, found in its source; where the source must have one."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs import ROOT

SERVER = ROOT / "server"
DURABLE = (SERVER / "knowledge_base", SERVER / "db")
FORMS = ("before_commit", "after_commit")  # the points of each ``database.write("name")``

# Calls after which something is on the disk, or gone from it, for good.
METHODS = {"commit", "rename", "unlink", "rmdir"}
FUNCTIONS = {"os.fsync", "os.replace", "os.rename", "os.unlink", "os.remove", "shutil.rmtree"}

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Place:
    """A place in the source."""

    file: str  # relative to the project
    function: str
    what: str  # the name of a point, or the call

    def __str__(self) -> str:
        return f"{self.file}: {self.function}: {self.what}"


def functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the functions of a file by name, methods included, and what stands outside of them."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
    body = [node for node in tree.body if not isinstance(node, DEFINITIONS)]
    yield "<module>", ast.Module(body, [])


def calls(function: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls in a function."""
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def literal(call: ast.Call) -> str | None:
    """Return the first argument of a call if it is a text that stands there."""
    first = call.args[0] if call.args else None
    is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return first.value if is_text else None  # type: ignore[union-attr]


def is_point(call: ast.Call) -> bool:
    """Return whether a call is a fault point."""
    return ast.unparse(call.func).rpartition(".")[2] == "fault_point"


def is_write(call: ast.Call) -> bool:
    """Return whether a call opens a transaction of the database."""
    return ast.unparse(call.func).endswith("database.write")


def named_points(*folders: Path) -> Iterator[Place]:
    """Yield every point that is named in the source, as often as it is named."""
    for path in sources(*folders):
        for name, function in functions(path):
            for call in calls(function):
                text = literal(call)
                if text is not None and is_point(call):
                    yield Place(relative(path), name, text)
                if text is not None and is_write(call):
                    yield from (Place(relative(path), name, f"{text}.{form}") for form in FORMS)


def nameless(*folders: Path) -> Iterator[Place]:
    """Yield points and transactions whose name is not a text that stands there."""
    for path in sources(*folders):
        for name, function in functions(path):
            for call in calls(function):
                if (is_point(call) or is_write(call)) and literal(call) is None:
                    yield Place(relative(path), name, ast.unparse(call))


def durable_calls(*folders: Path) -> Iterator[tuple[Place, bool]]:
    """Yield every call that changes the disk for good, and whether a point stands beside it."""
    for path in sources(*folders):
        for name, function in functions(path):
            has_point = any(is_point(call) for call in calls(function))
            for call in calls(function):
                if changes_disk(call):
                    yield Place(relative(path), name, ast.unparse(call.func)), has_point


def changes_disk(call: ast.Call) -> bool:
    """Return whether a call puts something on the disk, or takes it away, for good."""
    called = ast.unparse(call.func)
    if called in FUNCTIONS:
        return True
    method = called.rpartition(".")[2] if "." in called else ""
    # str.replace has two arguments, Path.replace one.
    return method in METHODS or (method == "replace" and len(call.args) == 1 and not call.keywords)


def sources(*folders: Path) -> Iterator[Path]:
    """Yield the source files of folders."""
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def relative(path: Path) -> str:
    """Return a path below the project."""
    return str(path.relative_to(ROOT))
