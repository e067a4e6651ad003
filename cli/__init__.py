"""The `pgtide` command: parses, calls a flow or a use case, prints."""
