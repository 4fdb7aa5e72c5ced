-- The revisions that the database is at: one row, or one a head; needs SELECT on the table.
SELECT version_num FROM alembic_version ORDER BY version_num;
