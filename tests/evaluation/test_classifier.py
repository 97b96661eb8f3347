"""The shipped classifier."""

from __future__ import annotations

import numpy as np
import torch
from paths import ROOT
from PIL import Image

from inpaint_hub.evaluation.classifier import INPUT_PX, classify, load_classifier

CAT = 3  # of CIFAR-10's classes: airplane, automobile, bird, cat, ...


def cat(side: int) -> np.ndarray:
    with Image.open(ROOT / "examples/cat.jpg") as photo:
        return np.array(photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


def test_classify_names_the_example_cat_a_cat() -> None:
    features, labels = classify(cat(INPUT_PX)[None])
    assert features.shape == (1, 256)
    assert labels.tolist() == [CAT]


def test_classify_scales_other_sizes_by_their_area() -> None:
    large = cat(2 * INPUT_PX)
    small = large.reshape(INPUT_PX, 2, INPUT_PX, 2, 3).mean(axis=(1, 3))
    features, _ = classify(large[None])
    network = load_classifier()
    with torch.inference_mode():
        expected = network.features(torch.from_numpy(small).float().permute(2, 0, 1)[None] / 255)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


def test_classify_gives_each_image_of_a_set_its_own_label() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
    images[299] = cat(INPUT_PX)
    features, labels = classify(images)
    assert features.shape == (300, 256)
    assert labels[299] == CAT
