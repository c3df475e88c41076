"""The face of autoprec: suggest(), the command line and the exports to other frameworks."""
