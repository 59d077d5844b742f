"""One folder per agency: its documents, its corridors, its words. The gateway learns agencies only from here."""
