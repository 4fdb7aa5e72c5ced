"""Re-partitioning the chunks table beside the one in use: preflight, copy, capture, proof, swap, rollback."""
