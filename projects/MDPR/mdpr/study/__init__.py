"""Configs x seeds x data sets: run what is missing, and tables that say how sure a difference is.

- `plan`, `study_file`: the runs of a study, and the file that names them.
- `record`: what the folder of a run says: missing, running, cut off, failed, finished.
- `process`, `schedule`, `slurm`: one run; several at once on this machine; jobs of a cluster.
- `reuse`: runs that no longer are what the study says.
- `collect`, `comparison`, `cost`, `footnotes`: from finished runs to numbers, and what must be said of them.
- `table`, `plot`: how they are shown.
"""

from mdpr.study.plan import Run, Study
from mdpr.study.schedule import run_study
from mdpr.study.study_file import read_study

__all__ = ["Run", "Study", "read_study", "run_study"]
