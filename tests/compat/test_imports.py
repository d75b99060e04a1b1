from support.processes import python


def test_fastreid_alone_does_not_import():
    """If this starts to pass, fast-reid has mended itself and the module under test can go."""
    result = python("-c", "import fastreid.data.build")
    assert result.returncode != 0
    assert "torch._six" in result.stderr or "Mapping" in result.stderr


def test_removed_names_are_lent_and_taken_back():
    code = r"""
import sys, collections, warnings
warnings.filterwarnings("error", module=r"(mdpr|fastreid)(\.|$)")
import mdpr, fastreid.data, fastreid.engine, fastreid.evaluation
assert not hasattr(collections, "Mapping") and "torch._six" not in sys.modules
"""
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


def test_missing_fastreid_is_named():
    code = r"""
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *rest: None if name == "fastreid" else find(name, *rest)
import mdpr
"""
    assert "fast-reid is not installed" in python("-c", code).stderr
