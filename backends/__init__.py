"""All that the console knows and does, async, without a line of Textual."""
