"""Ground floor: what the assistant can look up. Usable alone.

>>> from knowledge.collection import Collection
>>> from knowledge.documents import read_documents
>>> from knowledge.embed import load_embedder
"""
