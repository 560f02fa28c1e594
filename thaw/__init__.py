"""The command line: one file a group of commands. Nothing imports this package but thaw_entry."""
