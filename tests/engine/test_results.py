from mdpr.engine.results import results_table

PLAIN = {
    "mAP": 61.239,
    "Rank-1": 70.0,
    "Rank-5": 80.0,
    "Rank-10": 90.0,
    "mINP": 12.3,
    "metric": 65.6,
}


def test_one_table_of_all_sets():
    lines = results_table(
        {"DukeMTMC": PLAIN, "Market1501+rerank": PLAIN | {"TPR@FPR=1e-04": 0.12345}}
    ).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["data set", "mAP", "Rank-1", "Rank-5", "Rank-10", "mINP", "TPR@FPR=1e-04"]
    assert cells[2] == ["DukeMTMC", "61.24", "70.00", "80.00", "90.00", "12.30", ""]
    assert cells[3] == ["Market1501+rerank", *cells[2][1:-1], "0.1235"]
    assert len(lines) == 4
