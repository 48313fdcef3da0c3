"""The pages of the UI and the table of them. Know the API over HTTP and nothing behind it."""

from server.plugins import Registry

# A page draws itself when called; the place in the menu is the place in the table.
PAGES = Registry[object](
    "page",
    {
        "chat": "webui_pages.chat:show",
        "knowledge_bases": "webui_pages.knowledge_bases:show",
        "evaluation": "webui_pages.evaluation:show",
        "system": "webui_pages.system:show",
    },
)
