"""Alembic's door: it runs the steps on the connection `SqlStore.start` holds, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from flowengine.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
