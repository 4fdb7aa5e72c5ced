"""One content with its embeddings: shown, embedded again, verified, and its soft delete taken back."""
