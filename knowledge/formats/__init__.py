"""Files of each kind → Markdown text. A parser of foreign formats runs in a worker only.

>>> from knowledge.formats.kinds import format_of
"""
