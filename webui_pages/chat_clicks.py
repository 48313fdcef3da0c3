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
let copied = "";
let detach = () => {};
const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");  // plain http has no clipboard
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
};
const say = (words) => {
  const toast = document.createElement("div");
  toast.className = "zw-toast";
  toast.role = "status";
  document.body.append(toast);
  toast.textContent = words;
  setTimeout(() => toast.remove(), 2500);
};
const showMark = () => {
  for (const box of document.querySelectorAll(".zw-document:not([data-shown])")) {
    box.dataset.shown = "1";
    const mark = box.querySelector("mark.zw-quote") ?? box.querySelector("mark");
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 3;
  }
};
const showAsked = () => {
  const asked = document.querySelector(".st-key-chat_asked:not([data-shown])");
  if (!asked) return;
  asked.dataset.shown = "1";
  asked.scrollIntoView();
};
export default function ({ data, setTriggerValue }) {
  [texts, copied] = data;
  detach();  // Streamlit may call this again before it lets go of the last call
  const onClick = async (event) => {
    const link = event.target.closest?.('a[href^="#source-"], a[href^="#copy-"]');
    if (!link) return;
    event.preventDefault();
    const [, action, id] = link.getAttribute("href").match(/^#(source|copy)-(.*)$/);
    // A trigger runs the page anew, which would end an answer that is being written.
    if (action === "copy") {
      await copy(texts[id] ?? "");
      say(copied);
    } else if (!document.querySelector('[data-testid="stChatInputStopButton"]')) {
      setTriggerValue("opened", id);
    }
  };
  document.addEventListener("click", onClick, true);
  // A stopped run draws nothing more; a new one shows what was stored of the answer.
  const onStop = (event) => {
    if (event.target.closest?.('[data-testid="stChatInputStopButton"]'))
      setTimeout(() => setTriggerValue("stopped", true), 300);
  };
  document.addEventListener("click", onStop, true);
  // A passage comes after the click, and again; a question after it was sent.
  const opened = new MutationObserver(() => { showMark(); showAsked(); });
  opened.observe(document.body, { childList: true, subtree: true });
  detach = () => {
    opened.disconnect();
    document.removeEventListener("click", onStop, true);
    document.removeEventListener("click", onClick, true);
  };
  return detach;
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
            # In a dict, Streamlit would look for data frames and load pandas.
            data=[dict(texts), text("chat.copied")],
            on_opened_change=lambda: None,
            on_stopped_change=lambda: None,
        )
    message_id, _, number = (clicked.opened or "").rpartition("-")
    return (message_id, int(number)) if number.isdigit() else None
