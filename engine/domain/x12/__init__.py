"""ASC X12, as suppliers really send it: read, checked, explained and written, versions 4010 and 5010.

- ``scan``: bytes to interchanges, groups, sets and segments, and back
- ``dictionary``, ``loops``: what segments and sets are made of; a set as a tree of loops
- ``documents``, ``reading``: what a set says, as plain values
- ``writing``, ``receipt``: the 850, the 860 and the 997 as they go out
- ``words``: a file in words
"""
