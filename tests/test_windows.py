"""What Windows lacks is missed in one line, and only by what needs it."""

from support.processes import python

# Modules and names that Python has on Unix alone.
WITHOUT_UNIX = """
import mdpr, os, signal, sys
sys.modules.update(resource=None, fcntl=None)
for owner, name in (
    (os, "killpg"), (os, "setpgid"), (os, "register_at_fork"), (os, "sched_getaffinity"),
    (signal, "SIGTSTP"), (signal, "pthread_sigmask"), (signal, "SIGKILL"),
):
    delattr(owner, name)
"""


def test_what_needs_no_unix_imports_without():
    code = """
import mdpr.cli.main, mdpr.cli.check_dataset, mdpr.cli.convert, mdpr.cli.evaluate_features
import mdpr.data.loader, mdpr.evaluation, mdpr.inference, mdpr.kernels
"""
    result = python("-c", WITHOUT_UNIX + code)
    assert result.returncode == 0, result.stderr


def test_training_says_where_it_runs():
    result = python("-c", "import mdpr, os; os.name = 'nt'; import mdpr.cli.train")
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: mdpr.engine trains and evaluates on Linux and macOS")
