"""A snapshot as plain files that other programs read.

<folder>/<split>/<key>.jpg  <key>.mask.png     the kept crops, byte by byte as the shards hold them
                 metadata.jsonl                their rows: columns for Hugging Face `datasets` (an imagefolder)
                 coco.json                     the same crops and masks for COCO readers
"""

import json
from typing import Any, get_args

import numpy as np
from jaxtyping import Bool

from storage.dataset import samples, snapshots
from storage.dataset.encoding import IMAGE, MASK
from storage.dataset.records import Split
from storage.store import files, layout
from storage.store.references import DatasetRef

LEFT_OUT = {"parts", "kept", "reason", "split"}
"""Of a sample's row: where its shard has it, and what is the same of every crop in a folder."""


def export(ref: DatasetRef, folder: str) -> dict[str, int]:
    """Write the kept crops of a snapshot; gives how many of each split.

    Raises ValueError if there is something in the folder already but hidden files.
    """
    if files.names(folder):
        raise ValueError(f"{folder}: is not empty; give a new folder")
    return {split: _split(ref, split, layout.member(folder, split)) for split in get_args(Split)}


def _split(ref: DatasetRef, split: Split, folder: str) -> int:
    kept = samples.of_dataset(ref, split)
    lines: list[str] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    # COCO's own reader takes an annotation of number 0 for none, and matches no crowd.
    for number, sample in enumerate(kept, start=1):
        members = kept.members(number - 1)
        for extension in {IMAGE, MASK} & members.keys():
            files.put(layout.member(folder, f"{sample.row.key}.{extension}"), members[extension])
        photo = f"{sample.row.key}.{IMAGE}"
        row = sample.row.model_dump(mode="json", exclude=LEFT_OUT)
        lines.append(json.dumps({"file_name": photo, **row}))
        images.append({"id": number, "file_name": photo, "width": sample.row.width, "height": sample.row.height})
        if sample.mask is not None:
            region = _region(sample.mask)
            annotations.append({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, **region})
    if len(kept):
        files.put(layout.member(folder, "metadata.jsonl"), "".join(f"{line}\n" for line in lines).encode())
        category = {"id": 1, "name": snapshots.read(ref).category}
        coco = {"images": images, "annotations": annotations, "categories": [category]}
        files.put(layout.member(folder, "coco.json"), json.dumps(coco).encode())
    return len(kept)


def _region(mask: Bool[np.ndarray, "height width"]) -> dict[str, Any]:
    """A mask as COCO's uncompressed run lengths: columns from top to bottom, off first; its area and box."""
    flat = mask.T.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], ends, [flat.size]))).tolist()
    rows, columns = np.nonzero(mask)
    box = [0, 0, 0, 0]
    if rows.size:
        left, top = int(columns.min()), int(rows.min())
        box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
    counts = [0, *runs] if flat[0] else runs
    return {"segmentation": {"size": list(mask.shape), "counts": counts}, "area": int(mask.sum()), "bbox": box}
