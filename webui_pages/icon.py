"""The product's sign. Streamlit's own icons for a browser's tab come from a foreign server."""

from pathlib import Path

ICON = Path(__file__).parent / "icon.svg"
