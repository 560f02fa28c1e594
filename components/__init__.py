"""Thaw's own TFX components, one a file or a small folder. Imports trainer_module, never pipeline.dag.dag."""
