"""What keeps people and terminals safe: text, secrets, reports, logs."""
