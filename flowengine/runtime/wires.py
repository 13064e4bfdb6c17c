"""What both kinds of sockets give their library: a log that says nothing, and one set of certificates."""

from __future__ import annotations

import functools
import logging
import ssl

# The libraries log whole frames at level debug, and frames hold what callers say. This logger is outside the tree,
# where no setting makes it speak.
SILENT = logging.Logger("flowengine.sockets", logging.CRITICAL + 1)
SILENT.addHandler(logging.NullHandler())


def tls_of(url: str) -> ssl.SSLContext | None:
    """Who is trusted behind a wss:// address; None for ws://."""
    return _trusted() if url.lower().startswith("wss:") else None


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Reading the system's certificates takes 20 ms, in which no frame moves, and half a megabyte: once is enough."""
    return ssl.create_default_context()
