"""From a config to a trained and evaluated model.

- `trainer`: the loop; its docstring is the map of a step and of an epoch.
- ``steps/``: one step of the optimizer, what is logged of it, and what may go wrong (`steps.replay`).
- ``hooks/``: what happens around steps and epochs, in the order of `hooks.build`.
- ``resume/``: which object holds which state, and how a run is left and entered again.
- ``loggers/``: who else gets the numbers of a run.
- ``reporting/``: what a user sees of a run.
- `evaluate_sets`: all test sets, scored and written down.
"""

import os

if os.name == "nt":
    raise ImportError(
        "mdpr.engine trains and evaluates on Linux and macOS, and this is Windows, which has neither their "
        "signals nor their process groups: use WSL. Networks, their deployed form, data sets, ranking and "
        "weight files work here"
    )
