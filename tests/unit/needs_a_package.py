"""A plug-in whose package is not installed."""

import not_installed_anywhere

load = not_installed_anywhere.load
