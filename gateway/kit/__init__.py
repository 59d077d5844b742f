"""The client kit: all that a partner needs to send its first message and to check what it is answered."""
