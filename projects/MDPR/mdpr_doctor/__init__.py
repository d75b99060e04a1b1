"""The doctor: does this machine do what a run needs, and compute what it should?

``mdpr doctor`` and ``python -m mdpr_doctor`` are one command (`command`); the second also starts where
``import mdpr`` fails, and says why. `mdpr` is looked at from outside: nothing there imports this package, and
every check (`registry` lists them) imports what it looks at when its turn comes: a broken part costs its row.
"""
