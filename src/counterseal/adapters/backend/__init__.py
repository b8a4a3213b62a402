"""Where inbound documents go, behind the engine's ``Backend``."""

from counterseal.adapters.backend.folder import FolderBackend

__all__ = ["FolderBackend"]
