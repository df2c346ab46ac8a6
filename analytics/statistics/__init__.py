"""Statistics behind the verdicts."""
