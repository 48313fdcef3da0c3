"""The UI: ``streamlit run webui.py``. Knows where its parts are, nothing of what they do."""

import sys

from streamlit import config
from streamlit.starlette import App

from configs import ROOT, load_settings
from configs.settings import SettingsError
from webui_pages.site import Site

try:
    settings = load_settings()
    site = Site(settings)
except SettingsError as error:
    sys.exit(str(error))

# Streamlit says "too large" in English only; files between the two limits are told so by us.
most = max(settings.kb.max_file_mb, settings.server.max_upload_mb)
config.set_option("server.maxUploadSize", most)

app = App(
    ROOT / "webui_pages" / "script.py",
    routes=site.routes,
    middleware=site.middleware,
    lifespan=site.lifespan,
)
