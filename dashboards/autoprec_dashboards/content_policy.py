"""What a browser may do on these pages: load from this server alone, and run no script or style that stands in a page.

Plotly sets styles by properties of elements, which is allowed, and would add style sheets, which is not: it finds them
already there, the one for figures as `static/plotly.css`, those for maps as empty elements of the same id. It draws
PNGs through images of its own making (`blob:`, `data:`).
"""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
