"""usage-stream: recorded pages of the OpenAI usage and costs API, turned into figures to trust.

The flow, and where to find each part::

    sources ──pages──▶ channel ──▶ decode ──▶ dedupe (keyed state) ──▶ figures ──▶ sinks
    fixtures, walk     bounded     columns    snapshots by window      totals,     report, summary,
    captures                                  ▲ checkpoint ▼           rollup      dead letters
                                              SQLite

:mod:`stream.pipeline` alone knows the whole chain; :mod:`stream.engines.workers` runs it in several
processes. :mod:`stream.state.keyed` keeps windows in memory, or in the store past a budget.
:mod:`stream.providers.openai` is the registry of what each endpoint answers with, :mod:`stream.records.windows`
the values that all layers share. ``decode``, ``dedupe``, ``rollup``, ``totals`` and ``relations``
are pure. Every error is in
:mod:`stream.records.errors` with its exit code, every metric in :mod:`stream.sinks.metrics`.
"""

__version__ = "0.1.0"
