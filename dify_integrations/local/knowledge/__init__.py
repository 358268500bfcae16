"""What the knowledge routes work on: documents, chunking, indexing, tags, signed files, and how releases differ.

Nothing here knows HTTP but `checks` and `shapes`, which speak of bodies.
"""
