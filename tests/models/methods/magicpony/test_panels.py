import pytest
import torch

from models.data.crops import Crops
from models.methods.magicpony.model import Animal
from models.methods.magicpony.panels import CAPTION_PX, HEADINGS, LINE_PX, TURNS, panel
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

SIZE = 32


@pytest.fixture
def animal() -> Animal:
    torch.manual_seed(0)
    return CONFIG.build(CATEGORY, PatchVit()).train()


def drawn(animal: Animal, virtual: list[tuple[str, torch.Tensor]]) -> torch.Tensor:
    batch = Crops([crop(seed, size=SIZE) for seed in range(3)], SIZE, CPU).batch(torch.arange(3))
    sheet = torch.from_numpy(panel(animal, Reference(), batch, 0.9, virtual).copy())
    assert len(HEADINGS) * SIZE == sheet.shape[1] and sheet[:LINE_PX].min() < 100, "every column is named"
    return sheet[LINE_PX:]


def test_a_row_per_crop_and_a_column_per_picture(animal: Animal) -> None:
    sheet = drawn(animal, [])
    assert sheet.shape == (3 * SIZE, (4 + len(TURNS)) * SIZE, 3)
    photo = Crops([crop(0, size=SIZE)], SIZE, CPU).batch(torch.tensor([0])).image[0]
    assert (sheet[:SIZE, :SIZE] / 255 - photo).abs().max() < 0.01


def test_the_animal_is_seen_over_white(animal: Animal) -> None:
    rendering = drawn(animal, [])[:SIZE, 2 * SIZE : 3 * SIZE]
    assert (rendering[0, 0] == 255).all()
    assert rendering.min() < 200


def test_the_teachers_views_follow_with_their_captions(animal: Animal) -> None:
    red = torch.zeros(SIZE, SIZE, 3)
    red[..., 0] = 1
    sheet = drawn(animal, [("a cow, back view | full | t 300", red)] * 9)
    assert sheet.shape[0] > 3 * SIZE + 2 * SIZE
    assert (sheet[3 * SIZE, 0] == torch.tensor([255, 0, 0])).all()


def test_a_caption_of_three_lines_is_not_cut_off(animal: Animal) -> None:
    """At the bottom of the last row of views there is white below the last line's letters, and ink within the line."""
    sheet = drawn(animal, [("a cow | full | gyp", torch.zeros(SIZE, SIZE, 3))] * 2)
    last = sheet[-CAPTION_PX + 2 * LINE_PX :]
    assert last.min() < 100 and (last[-1] == 255).all()


def test_drawing_leaves_the_model_in_training(animal: Animal) -> None:
    drawn(animal, [])
    assert animal.training
