from storage.dataset import shards
from tasks.filter import Verdicts, filter
from tasks.generate import generate
from tasks.segment import segment
from tests.tasks.material import CROPS, PHOTOS


def test_each_dropped_photo_has_its_reason(drawn, photos):
    generate.fn(photos, PHOTOS, "cpu")
    verdicts = filter.fn(photos, CROPS)
    rows = shards.rows(photos, shards.manifest(photos))
    assert verdicts.dropped == {rows[3].key: "blank", rows[7].key: "blank"}
    assert verdicts.photos == photos and verdicts.crops.stage == "curated"


def test_photos_whose_crops_are_there_are_not_looked_at_again(drawn, photos):
    generate.fn(photos, PHOTOS, "cpu")
    verdicts = filter.fn(photos, CROPS)
    segment.fn(verdicts, CROPS, "cpu")
    state = filter.fn(photos, CROPS)
    assert state.name == "Reused" and state.data == Verdicts(photos=photos, crops=verdicts.crops)
