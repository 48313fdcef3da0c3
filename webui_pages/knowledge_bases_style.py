"""The styles of the page of the knowledge bases. Knows no files."""

import json

from webui_pages.catalogue import text

STYLE = """
.zw-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.65; }
.zw-chunk { border-left: 3px solid color-mix(in srgb, currentColor 22%, transparent);
  padding: .1rem 0 .1rem .9rem; margin: 0 0 1.1rem; }
.zw-chunk small { display: block; opacity: .72; margin-bottom: .25rem; }
.zw-scores { white-space: nowrap; float: right; }
.zw-outcome { padding: .2rem 0 .2rem 1.4rem; overflow-wrap: anywhere; position: relative; }
.zw-outcome::before { position: absolute; left: 0; font-weight: 700; }
.zw-added::before { content: "✓"; color: #2e8b57; }
.zw-kept::before { content: "–"; }
.zw-refused::before { content: "✗"; color: #d0453b; }
.zw-bar { height: .5rem; border-radius: .25rem; margin: .35rem 0 .7rem; overflow: hidden;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.zw-bar span { display: block; height: 100%; background: #2b8a80; transition: width .6s; }
.zw-working::before { content: "…"; }
.st-key-kb_files { gap: 0; }
.st-key-kb_files [data-testid="stHorizontalBlock"] { flex-wrap: nowrap; gap: .6rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); }
.st-key-kb_files [data-testid="stColumn"] { min-width: 0; }
.st-key-kb_files [data-testid="stColumn"] [data-testid="stHorizontalBlock"] { border: 0; }
.st-key-kb_files [data-testid="stCaptionContainer"] p { white-space: nowrap; }
.st-key-kb_files button { text-align: left; min-height: 0; overflow-wrap: anywhere; }
@media (max-width: 640px) {
  .st-key-kb_files [data-testid="stColumn"]:nth-child(n+3):nth-child(-n+5) { display: none; }
}
.zw-refusal { display: none; }
.st-key-kb_upload:has([aria-invalid="true"]) .zw-refusal { display: block;
  border-left: 3px solid #d0453b; padding-left: .9rem; }
body:has(.zw-refusal) [data-testid="stTooltipErrorContent"] { display: none; }
"""
# Streamlit's own words are English whatever the language, so they are hidden, or ours drawn
# over them.
UPLOADER = """
[data-testid="InputInstructions"] { display: none; }
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"] p,
[data-testid="stFileUploaderDropzoneInstructions"] span { font-size: 0; }
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"] p::after {
  content: %s; font-size: 1rem; }
[data-testid="stFileUploaderDropzoneInstructions"] span::after { content: %s; font-size: .875rem; }
"""


def draw_style() -> str:
    """Return the styles as HTML, with the words of the upload field in the language chosen."""
    words = text("knowledge_bases.upload_browse"), text("knowledge_bases.upload_drop")
    # A JSON string without escapes beyond \" is a CSS string too.
    quoted = tuple(json.dumps(word, ensure_ascii=False) for word in words)
    return f"<style>{STYLE}{UPLOADER % quoted}</style>"
