"""What is drawn: values in, cells out; no I/O and no domain."""
