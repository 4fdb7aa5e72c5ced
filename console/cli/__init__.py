"""The `olorin` command line, one module a command."""
