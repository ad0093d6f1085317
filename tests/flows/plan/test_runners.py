import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from prefect.settings import temporary_settings

from flows.dataset import get_dataset
from flows.plan.plan import PlanChanges, load_plan
from flows.plan.runners import DaskConfig, RayConfig, ThreadsConfig
from models.core.errors import MissingPackage


def photos(folder):
    """Seven noisy fields with an ellipse on each, and its mask."""
    folder.mkdir()
    down, right = np.mgrid[:96, :96] - 48
    for seed in range(7):
        random = np.random.default_rng(seed)
        mask = (down / 20) ** 2 + (right / (24 + seed)) ** 2 < 1
        image = random.integers(0, 120, (96, 96, 3)).astype(np.uint8)
        image[mask] = (200, 40 + seed, 30)
        Image.fromarray(image).save(folder / f"{seed}.png")
        Image.fromarray(mask).save(folder / f"{seed}.mask.png")
    return {"kind": "folder", "folder": str(folder), "size": 96}


def shards(root):
    """The digest of every file of every shard and of the snapshot, which names its pages by theirs."""
    cow = Path(root) / "cow"
    files = [*cow.glob("raw/*/[0-9]*"), *cow.glob("curated/*/[0-9]*"), *cow.glob("snapshots/*.json")]
    return {str(file.relative_to(root)): sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [DaskConfig(workers=2), RayConfig(workers=2)], ids=["dask", "ray"])
def test_a_cluster_makes_the_same_bytes_as_one_shard_after_the_other(launcher, tmp_path, cluster):
    pytest.importorskip(f"prefect_{cluster.kind}")
    own = photos(tmp_path / "photos")
    runners = {"serial": ThreadsConfig(workers=1), "cluster": cluster}
    with temporary_settings(launcher.settings):
        for name, runner in runners.items():
            changes = PlanChanges(photos=2, own_photos=own, crop=96, runner=runner.model_dump())
            get_dataset(load_plan("cow", "smoke", str(tmp_path / name), changes))
    made = shards(tmp_path / "serial")
    assert len(made) == 2 * 4 * 3 + 1
    assert shards(tmp_path / "cluster") == made


def test_a_plan_names_its_runner_by_kind():
    plan = load_plan("cow", "smoke", changes=PlanChanges(runner={"kind": "dask", "address": "tcp://scheduler:8786"}))
    assert plan.runner == DaskConfig(address="tcp://scheduler:8786")
    plan = load_plan("cow", "smoke", changes=PlanChanges(runner={"kind": "ray", "address": "ray://head:10001"}))
    assert plan.runner == RayConfig(address="ray://head:10001")
    assert load_plan("cow", "smoke").runner == ThreadsConfig()


def test_a_cluster_of_ray_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_ray.task_runners", None)
    with pytest.raises(MissingPackage, match=r"the runner needs prefect-ray: pip install -e '.\[ray\]'"):
        RayConfig().build()


def test_a_cluster_of_ray_is_where_and_as_large_as_it_is_said(monkeypatch):
    built = SimpleNamespace(RayTaskRunner=lambda **knobs: knobs)
    monkeypatch.setitem(sys.modules, "prefect_ray", built)
    monkeypatch.setitem(sys.modules, "prefect_ray.task_runners", built)
    assert RayConfig(address="ray://head:10001").build() == {"address": "ray://head:10001"}
    assert RayConfig(workers=3).build() == {"init_kwargs": {"num_cpus": 3, "include_dashboard": False}}
