"""The few styles that Streamlit's theme has no setting for. Knows no page."""

# Names of keys that the pages give their containers; Streamlit makes them classes. The colours of
# the marks stand in both themes: the ink is always dark.
STYLE = """<style>
[data-testid="stSidebarContent"], [data-testid="stSidebarUserContent"],
[data-testid="stSidebarUserContent"] > div { display: flex; flex-direction: column; }
[data-testid="stSidebarUserContent"], [data-testid="stSidebarUserContent"] > div,
[data-testid="stSidebarUserContent"] > div > [data-testid="stVerticalBlock"] { flex: 1; }
[data-testid="stSidebarUserContent"] { padding-bottom: 1.5rem; }
[data-testid="stLayoutWrapper"]:has(> .st-key-shell_footer) { order: 99; margin-top: auto; }
[data-testid="stSidebarHeader"]::before { content: "知问 Zhiwen"; font-weight: 650;
  font-size: 1.05rem; line-height: 2rem; padding-left: 2.6rem;
  background: url("/favicon.png") left center / 2rem no-repeat; }
.st-key-shell_footer form button { border: 0; padding: 0; background: none; font: inherit;
  font-size: .9rem; color: inherit; opacity: .75; cursor: pointer; }
.st-key-shell_footer form button:hover { text-decoration: underline; }
/* The pages themselves say what they do, and in the language chosen. */
[data-testid="stStatusWidget"] { visibility: hidden; }
[data-testid="stSidebarHeader"], [data-testid="stSidebarNav"] { flex-shrink: 0; }
.st-key-chat_list { gap: .15rem; flex-wrap: nowrap; max-height: calc(100vh - 20rem);
  overflow: hidden auto; }
.st-key-chat_list > * { flex-shrink: 0; }
.st-key-chat_list button { justify-content: flex-start; text-align: left; padding-left: .75rem; }
.st-key-chat_list button > div { justify-content: flex-start; min-width: 0; }
.st-key-chat_head h3 { padding: 0; flex: 1; }
.st-key-chat_clicks, .st-key-shell_language { display: none; }
/* Streamlit's hints at a field of a form lie over its text, and are English only. */
[data-testid="stForm"] [data-testid="InputInstructions"] { display: none; }
.st-key-chat_suggestions button { justify-content: flex-start; text-align: left; }
/* Documents and models may write links; a person sees where one leads before following it. */
[data-testid="stChatMessage"] a[href]:not([href^="#"])::after {
  content: " (" attr(href) ")"; font-size: .85em; opacity: .7; overflow-wrap: anywhere; }
a[href^="#source-"], a[href^="#copy-"] { text-decoration: none !important; }
a[href^="#source-"]:hover, a[href^="#copy-"]:hover { text-decoration: underline !important; }
body:has([data-testid="stChatInputStopButton"]) a[href^="#source-"] { cursor: not-allowed; }
.zw-toast { position: fixed; right: 1.5rem; bottom: 1.5rem; z-index: 1000000; padding: .6rem 1rem;
  border-radius: .6rem; background: #23272b; color: #fdfcfa; }
/* A citation is a small tile: the one in the text and the one before the name of its source. */
.zw-answer { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6; }
[class*="st-key-chat_answer_"] a[href^="#source-"],
[class*="st-key-chat_sources_"] a:nth-of-type(odd) {
  font-size: .78rem; font-weight: 600; line-height: 1.4; padding: 0 .38em; margin: 0 .1em;
  border-radius: 5px; background: rgba(79, 169, 163, .22); color: inherit;
  font-variant-numeric: tabular-nums; }
[class*="st-key-chat_sources_"] { font-size: .92rem; }
[class*="st-key-chat_suggestions"] { gap: .5rem; }
.zw-document { position: relative; white-space: pre-wrap; overflow-wrap: anywhere;
  line-height: 1.65; font-size: .95rem;
  max-height: 62vh; overflow: auto; padding: .9rem 1rem; border-radius: .6rem;
  border: 1px solid rgba(128, 128, 128, .28); }
.zw-page img { display: block; width: 100%; height: auto; background: #fff;
  border-radius: .4rem; border: 1px solid rgba(128, 128, 128, .28); }
.zw-findings { font-size: .88rem; line-height: 1.6; overflow-wrap: anywhere; padding: .4rem .8rem;
  border-left: 3px solid #d98c3f; border-radius: 3px; background: rgba(217, 140, 63, .14); }
.zw-findings ul { margin: .1rem 0 0; padding-left: 1.1rem; }
mark.zw-passage, mark.zw-quote { color: inherit; border-radius: 3px; }
mark.zw-passage { background: rgba(217, 140, 63, .16); }
mark.zw-quote { background: #ffd591; color: #23272b; font-weight: 600; }
.zw-document-legend mark { padding: .05em .3em; }
.zw-document-legend { font-size: .82rem; margin-top: .4rem; }
[data-testid="stChatMessage"]:has([aria-label="Chat message from user"]) {
  background: rgba(128, 128, 128, .09); }
.zw-trace { width: 100%; border-collapse: collapse; font-size: .85rem; }
.zw-trace th, .zw-trace td { padding: .3rem .5rem; text-align: right; overflow-wrap: anywhere;
  border-bottom: 1px solid rgba(128, 128, 128, .25); font-variant-numeric: tabular-nums; }
.zw-trace th:first-child, .zw-trace td:first-child { text-align: left; }
.zw-trace tr.zw-used td { font-weight: 650; }
.zw-facts { font-size: .88rem; line-height: 1.7; overflow-wrap: anywhere; }
</style>"""
