"""AS2 (RFC 4130): EDI by HTTP, signed, encrypted and compressed as S/MIME, with a receipt (MDN) that proves what was received.

``mime`` and ``cms`` know formats, ``certificates`` whose key counts when, ``message`` and ``mdn`` build and read what travels;
these are pure. ``partner`` sends, and takes what comes in.
"""
