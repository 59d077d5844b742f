"""`tests/store/test_revisions.py` on a server that is not ours."""

from __future__ import annotations

from tests.store.test_revisions import *
