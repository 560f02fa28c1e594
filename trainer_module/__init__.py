"""What the models are, how they are trained, and the sweep. Imports no components and no DAG."""
