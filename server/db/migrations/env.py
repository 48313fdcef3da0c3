"""Runs the migrations on the connection that ``Database.migrate`` passes."""

from alembic import context

from server.db import evaluation_models  # noqa: F401  # its tables are in the metadata too
from server.db.models import Table
from server.faults import fault_point

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
fault_point("migrations.before_commit")
connection.commit()
