"""Errors about the sources that a knowledge base is synchronised with."""

from server.errors.base import BadInput, Conflict, NotFound, ZhiwenError


class UnknownSource(NotFound):
    """The knowledge base has no source of that id."""

    code = "unknown_source"
    en = "The knowledge base {knowledge_base!r} has no source with the id {source_id}."
    zh = "知识库 {knowledge_base!r} 中没有 id 为 {source_id} 的数据源。"


class DuplicateSource(Conflict):
    """The name is taken in this knowledge base."""

    code = "duplicate_source"
    en = "There is already a source called {name!r} here. Choose another name."
    zh = "此处已有名为 {name!r} 的数据源，请换一个名称。"


class SourceBusy(Conflict):
    """It is being synchronised, or what it brought last is still being read."""

    code = "source_busy"
    en = "The source {name!r} is being synchronised. Try again when that has ended."
    zh = "数据源 {name!r} 正在同步，请在结束后重试。"


class SourceOff(ZhiwenError):
    """The settings do not allow sources of that kind; ``setting`` names the one to change."""

    status = 403
    code = "source_off"
    en = "Sources of the kind {kind!r} are off. Set {setting} to true in zhiwen.yaml and restart."
    zh = "类型为 {kind!r} 的数据源未启用。请在 zhiwen.yaml 中将 {setting} 设为 true 并重启。"


class UnsafeAddress(BadInput):
    """An address that must not be asked; ``reason_en`` and ``reason_zh`` say why."""

    code = "unsafe_address"
    en = "{address!r} is not asked: {reason_en}"
    zh = "不会访问 {address!r}：{reason_zh}"


class ManyGone(Conflict):
    """Most files of a source would be deleted, which may be a fault of the source."""

    code = "many_gone"
    en = (
        "{gone} of the {files} files of the source {name!r} are no longer there. None was deleted, "
        "as the source may be at fault. If they are really to go, synchronise with "
        "delete_many=true."
    )
    zh = (
        "数据源 {name!r} 的 {files} 个文件中的 {gone} 个已不存在。"
        "这可能是数据源出错，因此未删除任何文件。"
        "如确需删除，请以 delete_many=true 再次同步。"
    )


class OwnFile(Conflict):
    """A source has a document under the name of a file that somebody uploaded or edited."""

    code = "own_file"
    en = (
        "The file {name!r} was uploaded or edited by hand, so that the source did not replace it. "
        "Delete it to get that of the source."
    )
    zh = "文件 {name!r} 由用户手动上传或编辑，数据源未将其替换。如需数据源中的版本，请删除该文件。"


class SourceFailed(BadInput):
    """A source that did not give what it should; ``reason_en`` and ``reason_zh`` say why."""

    code = "source_failed"
    en = "{address!r} could not be read: {reason_en}"
    zh = "无法读取 {address!r}：{reason_zh}"
