"""Learn the network that sees borders: ``python tests/benchmarks/train_border_network.py FOLDER OUTPUT``.

FOLDER is BSDS500 with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``. Writes ``OUTPUT/all.npz``, which becomes
``segment/segmenter/regions/border_network.npz``, and with ``--images even`` or ``odd`` the weights that were learned
from every second image alone: what is learned from the training images with the network's help takes from them what a
network says that did not see the image (``train_merge_costs.py``).

The network learns how likely people part the two pixels ``p - o`` and ``p + o``, at distances of 2, 6, 12 and 20 pixels
in four directions. Targets are the shares of people who do; the loss is the cross-entropy, so answers are calibrated.
Images are augmented by zoom, turns, mirrors, contrast, color and noise, by pasting segments of one image onto another,
and by reflection beyond two sides, as images are whose sides are no multiples of 16. It needs PyTorch and a GPU.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PilImage
from quality import read_human_segmentations
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its usual name

RADII = (1, 3, 6, 10)  # pixels: half of the distances
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
OFFSETS = [
    (round(radius * down / math.hypot(down, across)), round(radius * across / math.hypot(down, across)))
    for radius in RADII
    for down, across in DIRECTIONS
]
WIDTHS = (16, 24, 40, 56, 56)  # channels at full size, half of it, a quarter, ...
MULTIPLE = 16  # the sides of what the network sees are multiples of this
N_PEOPLE = 8  # drawings of an image, repeated where it has fewer
CROP, BATCH_SIZE = 288, 16
LEARNING_RATE, WEIGHT_DECAY, DROPOUT, AVERAGED = 3e-3, 0.05, 0.1, 0.999


def make_convolution(n_in: int, n_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Make a convolution of 3 x 3 pixels, batch normalization and a rectifier."""
    convolution = nn.Conv2d(n_in, n_out, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions whose result is added to what they take."""

    def __init__(self, n: int, dilation: int = 1) -> None:
        super().__init__()
        self.a = make_convolution(n, n, 1, dilation)
        self.b = make_convolution(n, n)[:2]

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.b(self.a(x)))


class BorderNetwork(nn.Module):
    """An encoder to a sixteenth of the size and a decoder to half of it: see ``border_network.py`` of the package."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTHS
        self.e1 = nn.Sequential(make_convolution(3, w[0]), make_convolution(w[0], w[0]))
        self.e2 = nn.Sequential(make_convolution(w[0], w[1], 2), Residual(w[1]))
        self.e3 = nn.Sequential(make_convolution(w[1], w[2], 2), Residual(w[2]))
        self.e4 = nn.Sequential(make_convolution(w[2], w[3], 2), Residual(w[3]), Residual(w[3], 2))
        self.e5 = nn.Sequential(make_convolution(w[3], w[4], 2), Residual(w[4]), Residual(w[4], 2))
        self.drop = nn.Dropout2d(DROPOUT)
        self.g = nn.Conv2d(w[4], w[4], 1)
        self.d4 = make_convolution(w[4] + w[3], w[3])
        self.d3 = make_convolution(w[3] + w[2], w[2])
        self.d2 = make_convolution(w[2] + w[1], w[1])
        self.pre = make_convolution(w[1] + w[0], w[1])
        self.out = nn.Conv2d(w[1], len(OFFSETS), 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.e1(x)
        b = self.e2(a)
        c = self.e3(b)
        d = self.drop(self.e4(c))
        e = self.drop(self.e5(d))
        e = e + self.g(e.mean((2, 3), keepdim=True))
        d = self.d4(torch.cat([enlarge(e, d), d], 1))
        c = self.d3(torch.cat([enlarge(d, c), c], 1))
        b = self.d2(torch.cat([enlarge(c, b), b], 1))
        return self.out(self.pre(torch.cat([b, F.avg_pool2d(a, 2)], 1)))

    def export(self) -> dict[str, Any]:
        """Fold batch normalization into the convolutions: for each layer "NAME.weight" in 16 bits and "NAME.bias"."""
        arrays = {}
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                weight, bias = layer.weight, layer.bias
                if bias is None:
                    norm = self.get_submodule(name[:-1] + "1")
                    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                    weight, bias = weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
                short = name.removesuffix(".0")
                arrays[f"{short}.weight"] = weight.detach().cpu().numpy().astype(np.float16)
                arrays[f"{short}.bias"] = bias.detach().cpu().numpy()
        return arrays


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Enlarge a map to the size of another one, bilinearly."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def compute_targets(segments: Tensor) -> Tensor:
    """Compute the share of people who part the two pixels, (n, 16, h / 2, w / 2), from (n, people, h, w)."""
    height, width = segments.shape[2:]
    margin = max(RADII) + 2
    padded = F.pad(segments, (margin,) * 4, mode="replicate")

    def look(down: int, across: int) -> Tensor:
        rows = slice(margin + down, margin + down + height, 2)
        return padded[:, :, rows, margin + across : margin + across + width : 2]

    parted = [(look(-down, -across) != look(down, across)).float().mean(1) for down, across in OFFSETS]
    return torch.stack(parted, 1)


def load_images(folder: Path, group: str, device: str) -> tuple[list[str], Tensor, Tensor]:
    """Load the images (n, 321, 481, 3) and their segments (n, people, 321, 481); upright ones lie on their side."""
    paths = sorted((folder / "images" / group).glob("*.jpg"))
    images, segments = [], []
    for path in paths:
        image = np.asarray(PilImage.open(path).convert("RGB"))
        drawn = (read_human_segmentations(folder, group, path.stem) * N_PEOPLE)[:N_PEOPLE]
        if image.shape[0] > image.shape[1]:
            image, drawn = image.transpose(1, 0, 2), [each.T for each in drawn]
        images.append(np.ascontiguousarray(image))
        segments.append(np.stack(drawn).astype(np.int16))
    stacks = [torch.from_numpy(np.stack(each)).to(device) for each in (images, segments)]
    return [path.stem for path in paths], stacks[0], stacks[1]


def draw_batch(images: Tensor, segments: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw augmented crops, (n, 3, CROP, CROP), their targets, and which of them count (beyond the sides none do)."""
    device, n = images.device, BATCH_SIZE

    def draw(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return (torch.rand(*shape, generator=rng) * (high - low) + low).to(device)

    def draw_integer(end: int) -> int:
        return int(torch.randint(0, end, (1,), generator=rng))

    zoom = math.exp(torch.rand(1, generator=rng).item() * 1.2 - 0.6)  # 0.55 to 1.8
    side = min(round(CROP / zoom), *images.shape[1:3])
    x, s = [], []
    for i in torch.randint(0, len(images), (n,), generator=rng).tolist():
        top, left = (draw_integer(images.shape[axis] - side + 1) for axis in (1, 2))
        x.append(images[i, top : top + side, left : left + side].permute(2, 0, 1))
        s.append(segments[i, :, top : top + side, left : left + side])
    pixels, people = torch.stack(x).float() / 255, torch.stack(s).float()
    if side != CROP:
        pixels = F.interpolate(pixels, size=(CROP, CROP), mode="bilinear", align_corners=False, antialias=True)
        people = F.interpolate(people, size=(CROP, CROP), mode="nearest")
    # Paste half of the segments of one person's drawing of another image.
    other = torch.randperm(n, generator=rng)
    pasted = draw(n, 4096) < 0.5
    numbers = people[other, draw_integer(N_PEOPLE)].long().clamp(0, 4095)
    is_pasted = torch.gather(pasted, 1, numbers.view(n, -1)).view(n, 1, CROP, CROP) & (draw(n, 1, 1, 1) < 0.3)
    pixels = torch.where(is_pasted, pixels[other], pixels)
    people = torch.where(is_pasted, people[other] + 5000, people)
    turns = draw_integer(4)
    pixels, people = torch.rot90(pixels, turns, (2, 3)), torch.rot90(people, turns, (2, 3))
    if draw_integer(2):
        pixels, people = pixels.flip(3), people.flip(3)
    # Contrast, brightness, saturation, tint and noise.
    pixels = (pixels - 0.5) * draw(n, 1, 1, 1, low=0.6, high=1.5) + 0.5 + draw(n, 1, 1, 1, low=-0.2, high=0.2)
    gray = pixels.mean(1, keepdim=True)
    pixels = gray + (pixels - gray) * draw(n, 1, 1, 1, high=1.7)
    pixels = pixels * draw(n, 3, 1, 1, low=0.85, high=1.15)
    pixels = pixels + torch.randn_like(pixels) * draw(n, 1, 1, 1, high=0.03)
    # Reflect what lies beyond two sides; nothing is known of people's borders there.
    height, width = (CROP - draw_integer(MULTIPLE) for _ in range(2))
    pixels = reflect(pixels.clamp(0, 1)[:, :, :height, :width], CROP, CROP)
    counts = torch.zeros(CROP // 2, CROP // 2, device=device)
    counts[: (height + 1) // 2, : (width + 1) // 2] = 1
    return pixels, compute_targets(people), counts


def reflect(x: Tensor, height: int, width: int) -> Tensor:
    """Continue images beyond their lower and right sides by their reflection, the last row and column repeated."""
    for axis, size in ((2, height), (3, width)):
        number = torch.arange(size, device=x.device)
        x = x.index_select(axis, torch.minimum(number, 2 * x.shape[axis] - 1 - number))
    return x


def scale_pixels(x: Tensor) -> Tensor:
    """Scale pixels from 0..1 to what the network takes."""
    return (x - 0.45) / 0.25


def train(images: Tensor, segments: Tensor, seconds: float, seed: int) -> nn.Module:
    """Train for a time by AdamW, the rate falling along half a cosine, and return the average over steps."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    device = images.device.type
    network = BorderNetwork().to(device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    start, step, losses = time.time(), 0, []
    while (elapsed := (time.time() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, step / 100 + 0.01) * (1 + math.cos(math.pi * elapsed)) / 2 + 1e-5
        pixels, targets, counts = draw_batch(images, segments, rng)
        with torch.autocast(device, torch.bfloat16):
            odds = network(scale_pixels(pixels).to(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(odds.float(), targets, counts.expand_as(targets))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            rate = 1 - min(AVERAGED, step / (step + 50))
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), rate)
        losses.append(loss.detach())
        if step % 1000 == 0:
            print(step, round(time.time() - start), round(float(torch.stack(losses[-1000:]).mean()), 4), flush=True)
    for mine, new in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(new)
    return average.eval()


@torch.no_grad()
def score(network: nn.Module, images: Tensor, segments: Tensor) -> list[float]:
    """Compute the mean cross-entropy at each distance."""
    totals = torch.zeros(len(RADII))
    for image, drawn in zip(images, segments, strict=True):
        height, width = image.shape[:2]
        x = reflect(image.permute(2, 0, 1)[None].float() / 255, *(side + -side % MULTIPLE for side in (height, width)))
        odds = network(scale_pixels(x))[:, :, : (height + 1) // 2, : (width + 1) // 2]
        losses = F.binary_cross_entropy_with_logits(odds, compute_targets(drawn[None].float()), reduction="none")
        totals += losses.view(len(RADII), -1).mean(1).cpu()
    return [round(float(total) / len(images), 4) for total in totals]


def main() -> None:
    """Train, print the cross-entropy on images that were not seen, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="BSDS500")
    parser.add_argument("output", type=Path, help="folder of the weights")
    parser.add_argument("--images", choices=("all", "even", "odd"), default="all", help="train on these")
    parser.add_argument("--seconds", type=float, default=450)
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    _, images, segments = load_images(given.folder, "train", device)
    half = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.images]
    network = train(images[half], segments[half], given.seconds, seed=0)
    given.output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.output / f"{given.images}.npz", **network.export())
    print(given.images, "val", score(network, *load_images(given.folder, "val", device)[1:]), flush=True)


if __name__ == "__main__":
    main()
