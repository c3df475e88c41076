"""Web pages over a store of trials, and the figures that notebooks show as well (free of torch).

The figures (`autoprec_dashboards.figures`) need the other parts alone, the pages (`autoprec_dashboards.extension`)
the web framework of the service as well.
"""
