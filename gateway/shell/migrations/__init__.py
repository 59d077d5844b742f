"""Revisions of our own tables, run by Alembic; `gateway.shell.revisions` decides which and when.

A revision is a module of `versions/` with, beside Alembic's words, `kind` ("expand": an older program can go on,
"contract": it cannot) and `serves_from`, the oldest program (by its own revision number) that works after it.
"""
