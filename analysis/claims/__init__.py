"""The report's claims, judged by the grid."""
