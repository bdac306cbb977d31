"""Forms of the pages that are worked with: findings, danger points, reviews."""
