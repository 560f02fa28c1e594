"""What is wrong with a configuration beyond its single fields."""
