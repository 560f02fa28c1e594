"""Thaw's own TFX components, each in a file or a small folder. Imports trainer_module, never pipeline.dag.dag."""
