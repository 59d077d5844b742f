"""The outermost rooms: network, disk, clock and database live here and nowhere below."""
