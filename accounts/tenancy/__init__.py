"""The walls between companies: context, scoped manager, composite keys, row security.

See docs/adr/0002-four-tenant-walls.md for why there are four.
"""
