"""`thaw init`: an experiment on the user's own images. Imports acquisition."""
