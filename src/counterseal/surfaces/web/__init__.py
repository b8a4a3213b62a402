"""The console: server-rendered pages for people. ``create_console`` makes the app, ``one_time_path`` the path of a link."""

from counterseal.surfaces.web.app import create_console
from counterseal.surfaces.web.pages.sign_in import one_time_path

__all__ = ["create_console", "one_time_path"]
