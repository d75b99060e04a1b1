"""Processes that evaluate together: threads, and rows of which each works on some."""

import threading

import faiss
import numpy as np
import pytest
import torch
from fastreid.utils import comm
from mdpr.evaluation import (
    MatrixDistances,
    RankingOptions,
    RerankedDistances,
    RetrievalFeatures,
    expand_features,
    processes,
    rank,
    tpr_at_fpr,
)
from mdpr.evaluation.distances.sources import RowShare, row_blocks
from mdpr.evaluation.processes import evaluation_threads
from support.retrieval_by_loops import random_problem


def thread_numbers():
    return torch.get_num_threads(), faiss.omp_get_max_threads()


@pytest.fixture
def machine(monkeypatch):
    """Six cores, which two processes share."""
    monkeypatch.setattr(processes, "allowed_cores", lambda: frozenset(range(6)))
    monkeypatch.setattr(processes, "usable_cores", lambda: 3)
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)


@pytest.mark.parametrize(("shared", "cores"), [(False, 6), (True, 3)])
def test_threads_are_the_cores_there_are_and_afterwards_what_they_were(shared, cores, machine):
    before = thread_numbers()
    with evaluation_threads(shared=shared):
        assert thread_numbers() == (cores, cores)
    assert thread_numbers() == before
    with pytest.raises(KeyError), evaluation_threads(shared=shared):
        raise KeyError
    assert thread_numbers() == before


def test_a_run_of_one_process_keeps_its_threads():
    before = thread_numbers()
    with evaluation_threads(shared=False):
        assert thread_numbers() == before


# --- shares: of threads that stand for processes


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 5, 20])
def test_shares_are_all_rows_in_order(parts, rows):
    source = MatrixDistances(np.zeros((rows, 2)))
    found = []
    for number in range(parts):
        source.share = RowShare(number, parts)
        found += [row for start, stop in row_blocks(source, 2) for row in range(start, stop)]
    assert found == list(range(rows))


@pytest.fixture
def in_processes(monkeypatch):
    """Call a function with every share, each in a thread that gathers from the others; what they return."""

    def call_all(function, parts):
        meeting, place = threading.Barrier(parts), threading.local()
        given, returned = [None] * parts, [None] * parts

        def all_gather(data):
            given[place.rank] = data
            meeting.wait()
            gathered = list(given)
            meeting.wait()
            return gathered

        def call(rank):
            place.rank = rank
            try:
                returned[rank] = function(RowShare(rank, parts))
            except BaseException:
                meeting.abort()
                raise

        monkeypatch.setattr(comm, "all_gather", all_gather)
        threads = [threading.Thread(target=call, args=(rank,)) for rank in range(parts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return returned

    return call_all


@pytest.mark.parametrize("parts", [2, 3, 23])  # 23 are more than there are queries
@pytest.mark.parametrize("protocol", ["market1501", "cuhk03"])
def test_processes_that_share_find_what_one_finds(parts, protocol, in_processes):
    query, gallery, labels = random_problem(0)
    images = np.concatenate([query, gallery])
    options = RankingOptions(protocol=protocol, top_k=5, block_rows=3)

    def evaluate(share):
        expanded = expand_features(images, share=share)
        plain = RetrievalFeatures.from_features(query, gallery, share=share)
        sources = plain.distances(), RerankedDistances(plain)
        rankings = [vars(rank(source, labels, options)) for source in sources]
        return [expanded, *(tpr_at_fpr(source, labels) for source in sources), *rankings]

    alone = evaluate(RowShare())
    for found in in_processes(evaluate, parts):
        np.testing.assert_equal(found, alone)
