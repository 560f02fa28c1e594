"""The one exception a user is meant to read. Imports nothing, so every package may raise it."""


class ThawError(Exception):
    """Something the user can put right: what happened, what was expected, what to do next."""
