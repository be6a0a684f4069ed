"""What the APIs answer with: the one place that lists endpoints.

``endpoint`` says what is known of an endpoint (path, counters, dimensions, file names) and of a
list of objects; ``openai`` is the registry of them. ``cursors`` reads where a page leads on, and
refuses what leads elsewhere. ``prices`` says what use is charged with.
"""
