"""The embedder in the place of other packages' appearance models, a module a package.

Each has ``wrap(embedder)``, whose result offers what that package calls. They go by the shape of what
they are given and import none of these packages, two of which (BoxMOT, Ultralytics) are AGPL.
"""
