import pytest
import torch

from models.data.framing import Box
from models.export import photo_frame as framing
from models.export.photo_frame import Frame
from models.geometry.cameras import look_at
from models.geometry.mesh import Mesh
from models.rendering import ReferenceConfig

RENDERER = ReferenceConfig().build(torch.device("cpu"))
CAMERA = look_at(torch.tensor([0.7]), torch.tensor([0.3]))
CORNERS = torch.tensor([[x, y, z] for x in (-0.4, 0.4) for y in (-0.6, 0.6) for z in (-1.5, 1.5)])
FACES = torch.tensor(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
BOX = Mesh(CORNERS[None], FACES)


def test_a_crop_that_is_the_photo_is_drawn_as_the_renderer_does() -> None:
    direct = RENDERER.rasterize(CAMERA.to_clip(BOX.vertices), FACES, 64).face[0] >= 0
    assert torch.equal(Frame(64, 64, Box(0, 0, 64, 64)).silhouette(RENDERER, BOX, CAMERA), direct)


@pytest.mark.parametrize("size", [(150, 100), (100, 150)])
def test_the_silhouette_reaches_as_far_as_its_vertices_also_outside_the_crop(size: tuple[int, int]) -> None:
    frame = Frame(*size, Box(40, 40, 20, 20))
    mask = frame.silhouette(RENDERER, BOX, CAMERA)
    assert mask.shape == size[::-1]
    points = frame.pixels(CAMERA.project(BOX.vertices)[0])
    rows, columns = mask.nonzero().unbind(1)
    for covered, wanted in ((columns, points[:, 0]), (rows, points[:, 1])):
        assert covered.min() == pytest.approx(wanted.min().item(), abs=1.5)
        assert covered.max() + 1 == pytest.approx(wanted.max().item(), abs=1.5)


def test_the_pinhole_says_where_vertices_are() -> None:
    frame = Frame(150, 100, Box(40, -3, 36, 36))
    x, y, z = CAMERA.to_camera(BOX.vertices)[0].unbind(-1)
    pinhole = frame.intrinsics()
    by_hand = torch.stack((pinhole["cx"] - pinhole["fx"] * x / z, pinhole["cy"] + pinhole["fy"] * y / z), -1)
    assert torch.allclose(by_hand, frame.pixels(CAMERA.project(BOX.vertices)[0]), atol=1e-3)


def test_a_large_photo_gets_a_mask_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Frame(300, 200, Box(80, 60, 90, 90))
    exact = frame.silhouette(RENDERER, BOX, CAMERA)
    monkeypatch.setattr(framing, "LARGEST", 100)
    coarse = frame.silhouette(RENDERER, BOX, CAMERA)
    assert coarse.shape == (200, 300)
    assert (coarse & exact).sum() / (coarse | exact).sum() > 0.9
