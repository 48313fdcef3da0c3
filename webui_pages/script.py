"""What Streamlit runs for every visitor and every click. Knows the shell only."""

from webui_pages.shell import show

show()
