"""Errors about knowledge bases, files, jobs and where they are stored."""

from server.errors.base import BadInput, Conflict, NotFound, Unavailable, ZhiwenError


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


class EmptyDocument(BadInput):
    """A file without any text."""

    code = "empty_document"
    en = "{name!r} is empty or holds no text."
    zh = "{name!r} 是空文件或没有任何文字。"


class UnreadableDocument(BadInput):
    """A file that its loader cannot read; ``reason_en`` and ``reason_zh`` say why."""

    code = "unreadable_document"
    en = "{name!r} could not be read: {reason_en}"
    zh = "无法读取 {name!r}：{reason_zh}"


class UnsupportedFormat(ZhiwenError):
    """A file whose name does not end in a known format."""

    status = 415
    code = "unsupported_format"
    en = "{name!r} is of a format that cannot be read. Supported: {supported}."
    zh = "不支持 {name!r} 的格式。支持的格式：{supported}。"


class NoPages(ZhiwenError):
    """A file of a format whose pages cannot be shown as pictures."""

    status = 415
    code = "no_pages"
    en = "{name!r} has no pages that can be shown as pictures; PDF files and pictures have."
    zh = "{name!r} 没有可显示为图片的页面；仅 PDF 和图片文件支持。"


class UnreadablePage(BadInput):
    """A page that cannot be drawn; ``reason_en`` and ``reason_zh`` say why."""

    code = "unreadable_page"
    en = "Page {page} of {name!r} cannot be shown as a picture: {reason_en}"
    zh = "无法将 {name!r} 的第 {page} 页显示为图片：{reason_zh}"


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
    en = "The stored bytes of {name!r} are missing or changed on the disk. Upload the file again."
    zh = "磁盘上 {name!r} 的原始文件已丢失或被改动，请重新上传。"


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


class ParserUnavailable(Unavailable):
    """The program that reads files does not start; the files are not to blame."""

    code = "parser_unavailable"
    en = (
        "{name!r} was not read: the program that reads files could not be started. "
        "The log of the service says more."
    )
    zh = "未能读取 {name!r}：读取文件的程序无法启动，详情请查看服务日志。"


class IndexFailed(Unavailable):
    """An index could not be brought up to date; the next request tries again."""

    code = "index_failed"
    en = "The index of the knowledge base {name!r} is not ready: {reason_en} Try again."
    zh = "知识库 {name!r} 的索引尚未就绪：{reason_zh}请重试。"


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


class Interrupted(BadInput):
    """The whole service ended again and again while it worked on a file."""

    code = "interrupted"
    en = "The service ended {times} times while it worked on {name!r}, so it was given up."
    zh = "处理 {name!r} 时服务已意外结束 {times} 次，因此放弃该文件。"


class UnknownJob(NotFound):
    """No job has that id."""

    code = "unknown_job"
    en = "There is no job with the id {job_id!r}. Finished jobs are kept for a week."
    zh = "没有 id 为 {job_id!r} 的任务。已结束的任务保留一周。"


class UnknownVersion(NotFound):
    """A file has no earlier version of that number."""

    code = "unknown_version"
    en = "The file {name!r} has no earlier version {version}."
    zh = "文件 {name!r} 没有历史版本 {version}。"


class UnknownPage(NotFound):
    """A file has fewer pages."""

    code = "unknown_page"
    en = "{name!r} has no page {page}: it has {pages}."
    zh = "{name!r} 没有第 {page} 页，共 {pages} 页。"


class Cancelled(Conflict):
    """Somebody cancelled the work before it was done."""

    code = "cancelled"
    en = "The work was cancelled before it was done, so nothing was changed."
    zh = "任务在完成前被取消，未作任何更改。"
