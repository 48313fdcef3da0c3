"""Small pages without scripts: for what happens before the UI may be shown. Know no API."""

from html import escape

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from server.datatypes import Language
from server.language import choose_language
from webui_pages.catalogue import translate
from webui_pages.cookie import LANGUAGE

FRAME = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/favicon.png">
{head}<style>
:root {{ color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #23272b; --soft: #66707a;
  --line: #e3e0da; --main: #1f6f6b; --bad: #b3372f; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #15181b; --card: #1d2125; --ink: #e6e4df;
  --soft: #9aa3ab; --line: #30363c; --main: #5cb8b2; --bad: #f08a80; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
  color: var(--ink); font: 16px/1.6 "Source Sans", system-ui, "Noto Sans CJK SC", sans-serif; }}
main {{ width: min(25rem, 86vw); background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; padding: 2.2rem; }}
h1 {{ font-size: 1.35rem; margin: 0 0 .6rem; }}
p {{ margin: 0 0 1rem; color: var(--soft); }} .bad {{ color: var(--bad); }}
label {{ display: block; font-weight: 600; margin-bottom: .35rem; }}
input {{ box-sizing: border-box; width: 100%; padding: .65rem .8rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }}
button {{ width: 100%; margin-top: 1rem; padding: .65rem; font: inherit; font-weight: 600;
  border: 0; border-radius: 8px; background: var(--main); color: var(--card); cursor: pointer; }}
a {{ color: var(--main); }} input:focus-visible, button:focus-visible {{ outline:
  2px solid var(--main); outline-offset: 2px; }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""


def language_of(connection: HTTPConnection) -> Language:
    """Return the language that was chosen in this browser, else the one that it prefers."""
    chosen = connection.cookies.get(LANGUAGE, "")
    for wanted in [chosen, *connection.headers.get("accept-language", "").split(",")]:
        tag = wanted.strip().lower()[:2]
        if tag == "zh":
            return "zh"
        if tag == "en":
            return "en"
    return choose_language("auto")


def plain_page(
    language: Language,
    title: str,
    body: str,
    *,
    status: int = 200,
    refresh: tuple[int, str] | None = None,
) -> HTMLResponse:
    """Return a page; ``body`` is HTML, ``refresh`` the seconds until another address is opened."""
    head = ""
    if refresh:
        seconds, address = refresh
        content = escape(f"{seconds}; url={address}" if address else str(seconds))
        head = f'<meta http-equiv="refresh" content="{content}">\n'
    page = FRAME.format(
        lang="zh-CN" if language == "zh" else "en", title=escape(title), head=head, body=body
    )
    return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})


def message_page(language: Language, key: str, *, status: int, **values: object) -> HTMLResponse:
    """Return a page with a text of the catalogue under the name of the product."""
    body = f"<p>{escape(translate(key, language, status=status, **values))}</p>"
    return plain_page(language, translate("shell.product", language), body, status=status)
