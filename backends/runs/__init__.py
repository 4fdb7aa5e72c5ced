"""Long runs as they are recorded in the database that they change. Only read here so far."""
