"""Clicks on citations and on "copy" inside of Markdown, and the way to what they open.

Knows no messages, only their links.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import streamlit as st

from webui_pages.catalogue import text

SOURCE = "#source-"
COPY = "#copy-"

# Streamlit's own widgets cannot stand inside a sentence; links can, and this listens to them.
LISTENER = """
let texts = {};
const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");  // plain http has no clipboard
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
};
const showMark = () => {
  for (const box of document.querySelectorAll(".zw-document:not([data-shown])")) {
    box.dataset.shown = "1";
    const mark = box.querySelector("mark.zw-quote") ?? box.querySelector("mark");
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 3;
  }
};
export default function ({ data, setTriggerValue }) {
  [texts] = data;
  const onClick = async (event) => {
    const link = event.target.closest?.('a[href^="#source-"], a[href^="#copy-"]');
    if (!link) return;
    event.preventDefault();
    const [, action, id] = link.getAttribute("href").match(/^#(source|copy)-(.*)$/);
    if (action === "copy") await copy(texts[id] ?? "");
    setTriggerValue(action === "copy" ? "copied" : "opened", id);
  };
  document.addEventListener("click", onClick, true);
  // A stopped run draws nothing more; a new one shows what was stored of the answer.
  const onStop = (event) => {
    if (event.target.closest?.('[data-testid="stChatInputStopButton"]'))
      setTimeout(() => setTriggerValue("stopped", true), 300);
  };
  document.addEventListener("click", onStop, true);
  const opened = new MutationObserver(showMark);  // a passage comes after the click, and again
  opened.observe(document.body, { childList: true, subtree: true });
  return () => {
    opened.disconnect();
    document.removeEventListener("click", onStop, true);
    document.removeEventListener("click", onClick, true);
  };
}
"""


@cache
def component() -> Any:  # Streamlit's own callable
    """Return the listener, registered once."""
    return st.components.v2.component("zhiwen_chat_clicks", js=LISTENER)


def source_link(message_id: str, number: int) -> str:
    """Return the address of a source of a message."""
    return f"{SOURCE}{message_id}-{number}"


def listen(texts: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the message and the number of the source that was clicked, None if none was.

    A click on "copy" puts the text of its message, by id, into the clipboard.
    """
    with st.container(key="chat_clicks"):
        clicked = component()(
            key="clicks",
            data=[dict(texts)],  # in a dict, Streamlit would look for data frames and load pandas
            on_opened_change=lambda: None,
            on_copied_change=lambda: None,
            on_stopped_change=lambda: None,
        )
    if clicked.copied:
        st.toast(text("chat.copied"), icon=":material/check:")
    message_id, _, number = (clicked.opened or "").rpartition("-")
    return (message_id, int(number)) if number.isdigit() else None
