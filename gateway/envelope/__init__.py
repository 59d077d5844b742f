"""Opening envelopes: what a sender claims, before anything is proven."""
