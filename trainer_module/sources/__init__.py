"""Sources: how they are trained, checked and controlled, and what their features say of a target. Imports training."""
