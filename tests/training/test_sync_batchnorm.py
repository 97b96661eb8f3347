"""Synchronised batch norm: two processes get what one gets with both batches."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn

from inpaint_hub.training.sync_batchnorm import synchronize_batchnorm


def norm_and_batch() -> tuple[nn.BatchNorm2d, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(5)
    nn.init.normal_(norm.weight)
    return norm, torch.randn(6, 5, 4, 3) * 3 + 7, torch.randn(6, 5, 4, 3)


def half(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    norm, batch, weights = norm_and_batch()
    network = nn.Sequential(norm)
    synchronize_batchnorm(network, torch.device("cpu"))
    mine = slice(3 * rank, 3 * rank + 3)
    x = batch[mine].clone().requires_grad_()
    result = network(x)
    (result * weights[mine]).sum().backward()
    torch.save([result.detach(), x.grad, norm.weight.grad, norm.running_mean, norm.running_var], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_see_the_statistics_and_gradients_of_one(tmp_path: Path) -> None:
    multiprocessing.spawn(half, (str(tmp_path),), nprocs=2)
    norm, batch, weights = norm_and_batch()
    x = batch.clone().requires_grad_()
    result = norm(x)
    (result * weights).sum().backward()
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    torch.testing.assert_close(torch.cat([first[0], second[0]]), result.detach())
    torch.testing.assert_close(torch.cat([first[1], second[1]]), x.grad)
    torch.testing.assert_close(first[2] + second[2], norm.weight.grad)  # each holds its own share
    for number, wanted in ((3, norm.running_mean), (4, norm.running_var)):
        torch.testing.assert_close(first[number], wanted)
        assert torch.equal(first[number], second[number])


def test_in_one_process_and_in_eval_mode_it_is_plain_batch_norm() -> None:
    norm, batch, _ = norm_and_batch()
    synced = nn.Sequential(copy.deepcopy(norm))
    synchronize_batchnorm(synced, torch.device("cpu"))
    assert torch.equal(synced(batch), norm(batch))
    assert torch.equal(synced.eval()(batch), norm.eval()(batch))
