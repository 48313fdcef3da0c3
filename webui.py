"""The UI: ``streamlit run webui.py``. Knows where its parts are, nothing of what they do."""

import sys

from streamlit.starlette import App

from configs import ROOT, load_settings
from configs.settings import SettingsError
from webui_pages.site import Site

try:
    site = Site(load_settings())
except SettingsError as error:
    sys.exit(str(error))

app = App(
    ROOT / "webui_pages" / "script.py",
    routes=site.routes,
    middleware=site.middleware,
    lifespan=site.lifespan,
)
