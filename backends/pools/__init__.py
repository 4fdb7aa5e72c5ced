"""Connection pools: client truth beside server truth."""
