from dataclasses import replace

import pytest
import torch

from models.methods.magicpony.losses import reconstruction
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from tests.models.methods.magicpony.losses.test_reconstruction import SIZE, drawing, photo, square


def test_at_the_photos_size_they_are_the_terms_of_the_reconstruction():
    batch = replace(photo(square(4, 8)), valid=square(2, 12))
    drawn = torch.rand(1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    outlines = SilhouetteTarget.of(batch, SIZE)
    torch.testing.assert_close(outlines.mse(drawn), reconstruction.mask(drawing(drawn), batch))
    torch.testing.assert_close(outlines.mask_distance(drawn), reconstruction.mask_distance_loss(drawing(drawn), batch))


def test_several_views_are_each_compared_with_their_own_photo():
    both = photo(torch.cat((square(4, 8), square(2, 4))))
    missed = SilhouetteTarget.of(both, SIZE).mse(torch.stack((both.mask, 1 - both.mask, 0 * both.mask)))
    assert missed[0].tolist() == [0, 0] and missed[1].tolist() == [1, 1]
    assert missed[2].tolist() == pytest.approx(both.mask.mean((1, 2)).tolist())


def test_an_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="batch.inside is None"):
        SilhouetteTarget.of(replace(photo(square(4, 8)), inside=None), SIZE)
