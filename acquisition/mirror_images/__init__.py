"""Whether mirror images of a user's pictures are pictures of the same class."""
