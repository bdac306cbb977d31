"""Pages of the figures: views are functions, one stem from URL to test."""
