import logging
from dataclasses import replace

import pytest
import torch

from models.data.crops import random
from models.methods.meshinversion.model import draw, sample_latents
from models.methods.meshinversion.refine import Answer, SearchConfig, Searcher, _shrink, read_photo
from models.methods.meshinversion.state import Placement
from models.rendering.reference import Reference
from models.rendering.types import front_light
from tests.models.data.test_crops import CPU
from tests.models.methods.meshinversion.material import SMOKE, setting, trained, vit

AT = Placement(torch.tensor([0.45]), torch.zeros(1, 2), torch.tensor([[0.8, 0.0, -0.6, 0.0]]))


def searcher(**changes):
    generator = SMOKE.load(trained(), setting()).generator
    return Searcher(generator, vit(), Reference(), SearchConfig(**{"starts": 6, "steps": 2, "points": 300} | changes))


def photo(latent, at=AT):
    """What an animal of the generator looks like."""
    with torch.no_grad():
        drawn = draw(Reference(), searcher().generator.animals(latent), at, front_light(1, CPU), 48)
    return drawn.rgb[0], (drawn.mask[0] > 0.5).float()


def test_of_random_latents_the_one_that_is_the_animal_is_taken():
    hidden = sample_latents(6, random("meshinversion", "starts"))[4:5]
    answer = searcher().start(*photo(hidden), AT)
    assert torch.equal(answer.latent, hidden) and torch.equal(answer.placement.turn, AT.turn)


def test_a_search_comes_nearer_to_the_photo_and_moves_latent_camera_and_light():
    search, target = searcher(steps=5), photo(sample_latents(1, random("other")))
    start = search.start(*target, replace(AT, shift=torch.tensor([[0.3, 0.1]])))
    end = search.search(*target, start)
    moved = [not torch.equal(*pair) for pair in zip(start.parts(), end.parts(), strict=True)]
    assert all(moved)
    assert end.placement.shift.norm() < start.placement.shift.norm()


@pytest.mark.parametrize("texture", ["chamfer", "l1", "perceptual", "contextual"])
def test_every_texture_loss_of_the_ablation_leads_a_search_by_itself(texture):
    search, target = searcher(texture=texture, mask=0, prior=0), photo(sample_latents(1, random("other")))
    start = search.start(*target, AT)
    latent = start.latent.clone().requires_grad_()
    tokens = search._features(target[0])[0]
    search._loss(replace(start, latent=latent), read_photo(*target), tokens, 0).backward()
    assert latent.grad.isfinite().all() and latent.grad.abs().max() > 1e-6


def test_a_search_that_diverges_is_said_and_its_best_state_answers(monkeypatch, caplog):
    search, target = searcher(steps=3), photo(sample_latents(1, random("other")))
    losses, states = Searcher._loss, []

    def breaks(self, answer, photo, features, number):
        states.append(answer.latent.detach().clone())
        loss = losses(self, answer, photo, features, number)
        return loss * torch.nan if len(states) > 3 else loss + 5 * len(states)

    monkeypatch.setattr(Searcher, "_loss", breaks)
    with caplog.at_level(logging.WARNING):
        end = search.search(*target, search.start(*target, AT))
    assert "the search diverges at step 3 (loss nan); the best state so far answers" in caplog.text
    assert torch.equal(end.latent, states[0]) and len(states) == 4


def test_features_alone_lead_a_search():
    search, target = searcher(steps=1, pixel=0, mask=0, prior=0), photo(sample_latents(1, random("other")))
    start = search.start(*target, AT)
    latent = start.latent.clone().requires_grad_()
    tokens = search._features(target[0])[0]
    search._loss(replace(start, latent=latent), read_photo(*target), tokens, 0).backward()
    assert latent.grad.abs().max() > 1e-6


def test_a_small_picture_of_an_animal_has_its_colours_up_to_the_edge():
    image, mask = torch.ones(48, 48, 3), torch.zeros(48, 48)
    mask[10:31, 7:30] = 1
    image[mask > 0] = torch.tensor((0.8, 0.1, 0.2))
    colour, cover = _shrink(image, mask, 16)
    assert (colour[cover > 0.1] - torch.tensor((0.8, 0.1, 0.2))).abs().max() < 1e-4


def test_an_empty_mask_is_answered_by_an_animal_that_nothing_was_searched_for():
    search, image = searcher(), torch.rand(48, 48, 3)
    start = search.start(image, torch.zeros(48, 48), AT)
    assert len(start.latent) == 1 and search.search(image, torch.zeros(48, 48), start) is start


def test_a_lamp_is_a_light_and_back():
    light = front_light(2, CPU)
    again = Answer(torch.zeros(2, 64), AT, light.coefficients).light()
    assert torch.allclose(again.coefficients, light.coefficients)
    dark = Answer(torch.zeros(1, 64), AT, torch.tensor([[-0.2, 0, 0, 0.5]])).light()
    assert dark.ambient == 0 and dark.diffuse == 0.5


def test_an_animal_out_of_the_picture_pays_more_than_any_in_it():
    search, target = searcher(), photo(sample_latents(1, random("other")))
    away = replace(AT, shift=torch.tensor([[40.0, 0.0]]))
    assert search.search(*target, search.start(*target, away)).latent.isfinite().all()
