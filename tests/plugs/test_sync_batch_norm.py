"""Two processes are in tests/engine/test_ranks_compute.py."""

import pytest
import torch
import torch.distributed as dist
from fastreid.layers import get_norm
from mdpr.plugs.sync_batch_norm import SyncBatchNorm, _FastReidSyncBatchNorm


@pytest.fixture
def group_of_one(tmp_path):
    dist.init_process_group("gloo", f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_fastreids_own_refuses_cpus(group_of_one):
    """The defect: where this no longer raises, the patch has had its day."""
    with pytest.raises(ValueError, match="expected input tensor to be on GPU"):
        _FastReidSyncBatchNorm(4).train()(torch.randn(2, 4, 3, 3))


def test_get_norm_builds_ours():
    norm = get_norm("syncBN", 4, bias_freeze=True)
    assert type(norm) is SyncBatchNorm
    assert isinstance(norm, torch.nn.SyncBatchNorm)  # so that optimizers and converters know it
    assert not norm.bias.requires_grad


def test_without_processes_it_is_a_batch_norm():
    ours, plain = get_norm("syncBN", 4), torch.nn.BatchNorm2d(4)
    images = torch.randn(3, 4, 2, 2)
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(images), plain.train(mode)(images))


def test_mean_of_all_batches(group_of_one):
    ours, plain = get_norm("syncBN", 4), torch.nn.BatchNorm2d(4, momentum=None)
    ours.momentum = None
    for _ in range(3):
        images = torch.randn(3, 4, 2, 2)
        torch.testing.assert_close(ours(images), plain(images))
    torch.testing.assert_close(dict(ours.state_dict()), dict(plain.state_dict()))


def test_gradients_are_right(group_of_one):
    norm = get_norm("syncBN", 2).double()
    assert torch.autograd.gradcheck(norm, torch.randn(3, 2, 2, 1).double().requires_grad_())


def test_a_single_value_has_no_statistics(group_of_one):
    with pytest.raises(ValueError, match="more than 1 value per channel over all processes, got 1"):
        get_norm("syncBN", 4)(torch.randn(1, 4, 1, 1))
