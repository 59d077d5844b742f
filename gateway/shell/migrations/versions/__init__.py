"""One module a revision, named by its number; a number that was shipped is never changed."""
