"""Code lists as versioned books, and the desk that checks a message against them on its business day."""
