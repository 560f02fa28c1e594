"""The Confirmer node: what the search chose, trained again on fresh draws. Imports analysis and trainer_module."""
