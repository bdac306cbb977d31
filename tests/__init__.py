"""Tests: one folder per app, one file per user action. Run them with `make test`."""
