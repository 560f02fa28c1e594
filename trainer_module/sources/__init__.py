"""Sources: training, checks and controls, and estimates from their features on a target. Imports training."""
