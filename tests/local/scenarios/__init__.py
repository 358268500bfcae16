"""Which recordings are played against LocalDify, with which apps, and what is left out, each with its reason."""
