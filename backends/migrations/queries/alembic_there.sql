-- Whether Alembic's table is there: one look at the catalogue; any user may.
SELECT to_regclass('alembic_version') IS NOT NULL;
