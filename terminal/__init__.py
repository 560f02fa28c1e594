"""What the terminal shows: consoles, tables, progress bars. Imports rich, nothing from the other packages."""
