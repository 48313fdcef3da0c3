"""The UI: ``streamlit run webui.py``. Knows the pages and nothing else."""
