"""Worker processes that train cells, for one sweep or for several, and whose rows a parent writes. Imports sweep."""
