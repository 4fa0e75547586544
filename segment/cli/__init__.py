"""The command line: parse, call, and turn errors into messages and exit codes."""
