"""The bot-session schema's revisions, in Alembic's form. Each says in LOCK the strongest lock that it takes."""
