"""Web pages over a store of trials, and the figures that notebooks show as well (free of torch).

The figures (`autoprec_dashboards.figures`) need nothing but the other parts; the pages (`autoprec_dashboards.extension`)
need the service's web framework.
"""
