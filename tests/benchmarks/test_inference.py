"""Of the page of timings: rows against the plain network, and a line a way to run it."""

from benchmarks.inference import PAGE

ROWS = [
    {"form": "plain", "milliseconds": {"1": 100.0, "8": 80.0}, "start": 1.0, "megabytes": 512.3},
    {"form": "onnx int8", "milliseconds": {"1": 50.0, "8": 20.0}, "start": 0.2, "megabytes": None},
    {"form": "openvino int8", "milliseconds": {}, "start": None, "megabytes": None, "failure": "shapes"},
]


def test_a_page_of_timings():
    results = {"machine": {"cores": "2"}, "networks": {"R50": ROWS}}
    page = PAGE.markdown(results)
    assert "### R50" in page
    (row,) = (line for line in page.splitlines() if "onnx int8" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][:4] == ["onnx int8", "50.0", "20.0", "4.00"]
    assert "openvino int8 did not run: shapes" in page
    (panel,) = PAGE.panels(results)
    assert list(panel.lines) == ["plain", "onnx int8"]
    assert panel.lines["plain"] == [("1", 100.0), ("8", 80.0)]
