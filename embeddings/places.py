"""Where the embedding model of a name is: in the table, in a folder, or at a service.

A folder or address comes from the settings alone, never from who asks. Loads nothing.
"""

from collections.abc import Iterator
from pathlib import Path

from configs.model_settings import EmbeddingModelSettings
from configs.settings import EmbeddingSettings, resolve
from embeddings import EMBEDDERS
from embeddings.catalogue import CATALOGUE, KnownModel, find_known
from server.errors import InvalidRequest

PARAM = "embedding_model"
PLAIN = EmbeddingModelSettings()


def find_place(name: str, settings: EmbeddingSettings) -> Path | str | None:
    """Return the folder of a model, the address of its service, or None for one of the table.

    Raises:
        InvalidRequest: no model has that name, or its files are not there.
    """
    wishes = settings.models.get(name)
    if wishes is None and name in EMBEDDERS:
        return None
    known = find_known(name)
    if wishes is None and known is None:
        raise unknown_model(name, settings)
    wishes = wishes or PLAIN
    if wishes.path:
        return check_folder(name, resolve(Path(wishes.path)))
    if wishes.base_url:
        return wishes.base_url
    if known and known.base_url:
        if not wishes.api_key:
            raise missing_key(name)
        return known.base_url
    folder = find_folder(name, known, settings.root)
    if folder is None:
        raise missing_files(name, known, settings.root)
    return folder


def list_names(settings: EmbeddingSettings) -> list[str]:
    """Return the names of the models that can be used now."""
    present = (
        name
        for name, known in CATALOGUE.items()
        if not known.base_url and find_folder(name, known, settings.root)
    )
    return list(dict.fromkeys([*EMBEDDERS, *settings.models, *present]))


def find_folder(name: str, known: KnownModel | None, root: Path) -> Path | None:
    """Return the folder of a model under ``root``; None if there is none."""
    for folder in list_places(name, known, root):
        if any((folder / file).is_file() for file in ("config.json", "modules.json")):
            return folder
    return None


def list_places(name: str, known: KnownModel | None, root: Path) -> Iterator[Path]:
    """Yield where the files of a model may lie, as 0.2.x laid them out and as the hub does."""
    yield root / name
    if known:
        yield root / known.hub_id
        yield root / known.hub_id.rpartition("/")[2]
        cached = root / f"models--{known.hub_id.replace('/', '--')}"
        for part in (cached, root / "hub" / cached.name):
            yield from sorted((part / "snapshots").glob("*"), key=lambda path: not is_main(path))


def is_main(snapshot: Path) -> bool:
    """Return whether a snapshot in the hub's cache is that of the branch main."""
    reference = snapshot.parent.parent / "refs" / "main"
    try:
        return reference.read_text("utf-8").strip() == snapshot.name
    except (OSError, ValueError):
        return False


def check_folder(name: str, folder: Path) -> Path:
    """Return a folder of the settings.

    Raises:
        InvalidRequest: it is not there.
    """
    if folder.is_dir():
        return folder
    raise InvalidRequest(
        param=PARAM,
        problem_en=f"the embedding model {name!r} has no files: there is no folder {folder}. "
        f"See embedding.models.{name}.path.",
        problem_zh=f"向量模型 {name!r} 没有文件：文件夹 {folder} 不存在。"
        f"请检查设置 embedding.models.{name}.path。",
    )


def unknown_model(name: str, settings: EmbeddingSettings) -> InvalidRequest:
    """Return the error for a name that nobody knows."""
    names = ", ".join([*list_names(settings), "none"])
    return InvalidRequest(
        param=PARAM,
        problem_en=f"there is no embedding model {name!r}. Known: {names}.",
        problem_zh=f"没有名为 {name!r} 的向量模型。可用的有：{names}。",
    )


def missing_files(name: str, known: KnownModel | None, root: Path) -> InvalidRequest:
    """Return the error for a model whose files are not there; it says where to put them."""
    folder = root / (known.hub_id.rpartition("/")[2] if known else name)
    hub_id = known.hub_id if known else name
    return InvalidRequest(
        param=PARAM,
        problem_en=f"the files of the embedding model {name!r} are missing. Put those of {hub_id} "
        f"into {folder}, or set embedding.models.{name}.path to their folder.",
        problem_zh=f"缺少向量模型 {name!r} 的文件。请将 {hub_id} 的文件放入 {folder}，"
        f"或将设置 embedding.models.{name}.path 指向其所在文件夹。",
    )


def missing_key(name: str) -> InvalidRequest:
    """Return the error for a model of a service that asks for a key."""
    return InvalidRequest(
        param=PARAM,
        problem_en=f"the embedding model {name!r} is one of a service. Set "
        f"embedding.models.{name}.api_key, or its base_url to a service of your own.",
        problem_zh=f"向量模型 {name!r} 由在线服务提供。请设置 embedding.models.{name}.api_key，"
        f"或将其 base_url 指向您自己的服务。",
    )
