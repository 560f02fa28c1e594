"""What the terminal shows: consoles, tables, progress bars. Imports rich, nothing of the other packages."""
