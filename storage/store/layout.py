"""Where everything lies. The only file that builds a path.

<root>/<category>/raw/<recipe>/00000.tar .parquet .json       generated photos, one row per attempt
                  curated/<recipe>/00000.tar .parquet .json   kept crops, a row for the dropped too
                  derived/<recipe>/00000.tar .parquet .json   what a model answered for each kept crop
                  quarantine/<stage>-<recipe>-00000-1/        a corrupt shard and why
                  snapshots/000007.json pages/                which shards a run reads
                  copies/                                     of what nothing can make again
                  pins/<one>.json                             what a living flow keeps from being pruned
                  runs/<run>/config.json model/ evaluation/
                  runs/<run>/stages/<stage>/metrics.jsonl checkpoints/ panels/
                  releases/<run>/                             what people take away
                  releases/PROMOTED                           the run that somebody chose to answer, and who
                  comparison/                                 the methods of its releases beside each other
"""

import re

from storage.store.files import absolute_root, names
from storage.store.references import LONGEST_NAME, NAME, DatasetRef, ModelRef, ReleaseRef, ShardRef, Stage

PROMOTED = "PROMOTED"
"""The file among the releases that names the one which was chosen to answer."""
JOURNAL = "metrics.jsonl"
"""The file of a stage with the numbers that were reported."""


class Store:
    """Makes the references to everything under one root: a folder, or an address such as s3://bucket/farm3d."""

    def __init__(self, root: str) -> None:
        """A relative folder is taken from the working folder of now, for other processes have other ones."""
        self.root = absolute_root(root)

    def raw(self, category: str, digest: str, index: int) -> ShardRef:
        """Generated photos."""
        return ShardRef(root=self.root, category=category, stage="raw", digest=digest, index=index)

    def curated(self, category: str, digest: str, index: int) -> ShardRef:
        """Kept crops."""
        return ShardRef(root=self.root, category=category, stage="curated", digest=digest, index=index)

    def derived(self, category: str, digest: str, index: int) -> ShardRef:
        """What a model answered for the kept crops of the shard with the same index."""
        return ShardRef(root=self.root, category=category, stage="derived", digest=digest, index=index)

    def dataset(self, category: str, snapshot: int) -> DatasetRef:
        """One snapshot."""
        return DatasetRef(root=self.root, category=category, snapshot=snapshot)

    def model(self, category: str, run: str) -> ModelRef:
        """One training run."""
        return ModelRef(root=self.root, category=category, run=run)

    def categories(self) -> list[str]:
        """All categories that something was made of."""
        return record_names(self.root)

    def releases(self, category: str) -> list[ReleaseRef]:
        """All releases of a category, finished or not."""
        return [self.release(category, run) for run in record_names(releases(self.root, category))]

    def models(self, category: str) -> list[ModelRef]:
        """All training runs of a category, finished or not."""
        return [self.model(category, run) for run in record_names(runs(self.root, category))]

    def release(self, category: str, run: str) -> ReleaseRef:
        """What was published of one run."""
        return ReleaseRef(root=self.root, category=category, run=run)


def record_names(folder: str) -> list[str]:
    """What lies in a folder under a name that a record can have; file managers leave other things there."""
    return [name for name in names(folder) if re.fullmatch(NAME, name) and len(name) <= LONGEST_NAME]


def tar(ref: ShardRef) -> str:
    """The members of its samples: images and masks, or derived columns."""
    return _shard(ref) + ".tar"


def table(ref: ShardRef) -> str:
    """One row per attempted sample."""
    return _shard(ref) + ".parquet"


def manifest(ref: ShardRef) -> str:
    """What commits a shard."""
    return _shard(ref) + ".json"


def quarantine(root: str, category: str) -> str:
    """The folder of all corrupt shards of a category."""
    return f"{root}/{category}/quarantine"


def quarantine_folder(ref: ShardRef, count: int) -> str:
    """The folder for the corrupt files of a shard, the `count`-th time."""
    return f"{quarantine(ref.root, ref.category)}/{ref.stage}-{ref.digest}-{ref.index:05d}-{count}"


def reason(folder: str) -> str:
    """Why the shard in this folder is in quarantine."""
    return member(folder, "reason.json")


def snapshot(ref: DatasetRef) -> str:
    """The list of shards of one snapshot."""
    return f"{snapshots(ref.root, ref.category)}/{ref.snapshot:06d}.json"


def snapshots(root: str, category: str) -> str:
    """The folder of all snapshots of a category."""
    return f"{root}/{category}/snapshots"


def pages(root: str, category: str) -> str:
    """The folder of the pieces that the lists of snapshots consist of."""
    return f"{snapshots(root, category)}/pages"


def page(root: str, category: str, digest: str) -> str:
    """A piece of the lists of snapshots, by its contents."""
    return f"{pages(root, category)}/{digest}.json"


def copy(root: str, category: str, url: str) -> str:
    """The copy of a file or folder of a category."""
    return f"{root}/{category}/copies{url.removeprefix(f'{root}/{category}')}"


def pins(root: str, category: str) -> str:
    """The folder of what living flows keep from being pruned."""
    return f"{root}/{category}/pins"


def pin(root: str, category: str, name: str) -> str:
    """What one flow keeps."""
    return f"{pins(root, category)}/{name}.json"


def recipes(root: str, category: str, stage: Stage) -> str:
    """The folder of all recipes of one stage."""
    return f"{root}/{category}/{stage}"


def shards(root: str, category: str, stage: Stage, digest: str) -> str:
    """The folder of all shards of one recipe."""
    return f"{recipes(root, category, stage)}/{digest}"


def runs(root: str, category: str) -> str:
    """The folder of all training runs of a category."""
    return f"{root}/{category}/runs"


def run(ref: ModelRef) -> str:
    """The folder of one training run."""
    return f"{runs(ref.root, ref.category)}/{ref.run}"


def run_config(ref: ModelRef) -> str:
    """What the run learns from, and how."""
    return f"{run(ref)}/config.json"


def stages(ref: ModelRef) -> str:
    """The folder of all stages of a training run."""
    return f"{run(ref)}/stages"


def stage(ref: ModelRef, name: str) -> str:
    """The folder of one stage: what it left behind once it was over."""
    return f"{stages(ref)}/{name}"


def metrics(ref: ModelRef, name: str) -> str:
    """The numbers reported during a stage."""
    return f"{stage(ref, name)}/{JOURNAL}"


def panels(ref: ModelRef, name: str) -> str:
    """The folder of the pictures reported during a stage."""
    return f"{stage(ref, name)}/panels"


def panel(ref: ModelRef, name: str, step: int) -> str:
    """The pictures reported at one step of a stage."""
    return f"{panels(ref, name)}/{step:08d}.png"


def checkpoints(ref: ModelRef, name: str) -> str:
    """The folder of training states of a stage."""
    return f"{stage(ref, name)}/checkpoints"


def checkpoint(folder: str, step: int) -> str:
    """One training state."""
    return f"{folder}/step-{step:08d}.pt"


def checkpoint_manifest(folder: str, step: int) -> str:
    """What commits a training state."""
    return f"{folder}/step-{step:08d}.json"


def model(ref: ModelRef) -> str:
    """The folder of the finished model."""
    return f"{run(ref)}/model"


def evaluation(ref: ModelRef) -> str:
    """The folder of what was measured of the finished model."""
    return f"{run(ref)}/evaluation"


def releases(root: str, category: str) -> str:
    """The folder of all releases of a category."""
    return f"{root}/{category}/releases"


def promotion(root: str, category: str) -> str:
    """Names the run that somebody chose to answer for the category."""
    return f"{releases(root, category)}/{PROMOTED}"


def release(ref: ReleaseRef) -> str:
    """The folder of what people take away."""
    return f"{releases(ref.root, ref.category)}/{ref.run}"


def comparison(root: str, category: str) -> str:
    """The folder of what was last measured of all methods of a category beside each other."""
    return f"{root}/{category}/comparison"


BUNDLE = "manifest.json"


def bundle(folder: str) -> str:
    """What commits a folder of files."""
    return f"{folder}/{BUNDLE}"


def member(folder: str, name: str) -> str:
    """One file of a folder."""
    return f"{folder}/{name}"


def lock(url: str) -> str:
    """What keeps the writers of a file or folder apart, beside it."""
    folder, _, name = url.rpartition("/")
    return member(folder, f".{name}.lock")


def inside(folder: str, url: str) -> str:
    """A file of the same name in another folder."""
    return member(folder, url.rsplit("/", 1)[-1])


def _shard(ref: ShardRef) -> str:
    return f"{shards(ref.root, ref.category, ref.stage, ref.digest)}/{ref.index:05d}"
