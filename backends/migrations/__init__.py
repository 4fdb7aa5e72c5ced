"""What would be migrated, and the state of any migration."""
