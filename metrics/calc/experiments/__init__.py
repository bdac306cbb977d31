"""The arithmetic of experiments: what was observed, how sure it is, and what it would take."""
