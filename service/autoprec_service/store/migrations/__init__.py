"""How the tables came to be, revision by revision; Alembic runs these scripts when a store is older than its reader."""
