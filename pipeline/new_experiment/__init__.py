"""`thaw init`: an experiment out of images of the user's own. Imports acquisition."""
