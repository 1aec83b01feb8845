"""The REST API: ``/api/v1/…`` over the services, told of in ``/api/openapi.json`` and on ``/api/docs``.

``nouns.py`` has the table of all routes; what each takes and answers is read from its handler's annotations, by what runs
(``serve.py``) as by what describes it (``openapi.py``), so that the two cannot differ.
"""
