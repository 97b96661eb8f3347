"""Train the classifier that `inpaint-hub compare` judges by, on CIFAR-10, and state its accuracy.

    PYTHONPATH=. python benchmarks/classifier.py --data uoft-cs/cifar10

It never sees the validation and test splits, those of every run with seed 0. Written to --output in half precision.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Image as ImageFeature
from datasets import load_dataset
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from tqdm import tqdm

from inpaint_hub.data.dataset import digest, split_of
from inpaint_hub.data.sources import in_threads, picture
from inpaint_hub.evaluation.classifier import WEIGHTS, Classifier
from inpaint_hub.hardware import has_bf16

BATCH = 128
PAD_PX = 4


def labelled(name: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Images (N, 3, 32, 32) uint8 and labels (N,) of each split, as every run with seed 0 splits them."""
    splits: dict[str, list[tuple[np.ndarray, int]]] = {"train": [], "validation": [], "test": []}
    rows = load_dataset(name).cast_column("img", ImageFeature(decode=False))

    def read(row: dict) -> tuple[str, np.ndarray, int]:
        shown = picture({"image": row["img"]})
        assert shown is not None
        return split_of("train", digest(shown, 0), frozenset(rows)), np.asarray(shown.convert("RGB")), row["label"]

    for split, pixels, label in in_threads(read, (row for source in rows.values() for row in source)):
        splits[split].append((pixels, label))
    return {
        split: (
            torch.from_numpy(np.stack([pixels for pixels, _ in some])).permute(0, 3, 1, 2).contiguous(),
            torch.tensor([label for _, label in some]),
        )
        for split, some in splits.items()
    }


def varied(images: Tensor) -> Tensor:
    """(N, 3, 32, 32) in 0..1: shifted by up to 4 px, half of them mirrored."""
    padded = F.pad(images.float() / 255, [PAD_PX] * 4, mode="reflect")
    top, left = (torch.randint(0, 2 * PAD_PX + 1, (len(images), 1, 1)) for _ in range(2))
    column = torch.where(torch.rand(len(images), 1, 1) < 0.5, torch.arange(32), torch.arange(31, -1, -1))
    rows = top + torch.arange(32)[:, None]
    return padded[torch.arange(len(images))[:, None, None], :, rows, left + column].permute(0, 3, 1, 2)


@torch.inference_mode()
def accuracy(network: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    right = sum(
        int((network(some.float() / 255).argmax(dim=1) == wanted).sum())
        for some, wanted in zip(images.split(256), labels.split(256), strict=True)
    )
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="uoft-cs/cifar10", help="CIFAR-10 on the Hub, or a folder")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--epochs", type=int, default=6)
    args = parser.parse_args()
    torch.manual_seed(0)
    splits = labelled(args.data)
    images, labels = splits["train"]
    network = Classifier().to(memory_format=torch.channels_last)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    steps = args.epochs * (len(images) // BATCH)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=steps, pct_start=0.2)
    bar = tqdm(total=steps)
    for _ in range(args.epochs):
        for some in torch.randperm(len(images)).split(BATCH)[: len(images) // BATCH]:
            with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16()):
                batch = varied(images[some]).contiguous(memory_format=torch.channels_last)
                loss = F.cross_entropy(network(batch), labels[some], label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            average.update_parameters(network)
            bar.update()
    bar.close()
    update_bn((varied(some) for some in images[:12800].split(256)), average)
    published = average.module.half().float().eval()
    for split in ("validation", "test"):
        print(f"{split}: {accuracy(published, *splits[split]):.2%} of {len(splits[split][1]):,} images")
    save_file({name: weight.half().contiguous() for name, weight in published.state_dict().items()}, args.output)


if __name__ == "__main__":
    main()
