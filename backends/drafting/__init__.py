"""The drafting partner: projects, briefs and the model gateway."""
