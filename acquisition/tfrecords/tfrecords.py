"""Reads and writes files of TFRecords. Imports TensorFlow lazily, and no component."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from experiment.errors import ThawError

_BATCH, _FEWER = 256, 16
"""Records read at once; one by one, Python takes 25 times as long. Fewer of files that may hold photos of megabytes."""
_LARGE_FILE = 2**26


class RecordPosition(NamedTuple):
    """Where a record lies: its file, and its number counted from 0."""

    path: Path
    record: int

    def __str__(self) -> str:
        return f"{self.path}, record {self.record}"


def write_examples(
    path: Path,
    examples: Iterable[tuple[bytes, int, bytes]],
    keys: tuple[str, str, str | None] = ("image", "label", "id"),
    val: tuple[str, Callable[[bytes], bool]] | None = None,
    group: tuple[str, Callable[[bytes], bytes]] | None = None,
) -> None:
    """Writes (PNG bytes, label, id) as TFDS writes CIFAR-10; compressed where the file is named *.gz.

    Args:
      path: of the file; its folder is made when absent.
      examples: to be written.
      keys: names of the features image, label (int64) and id; none: ids are left out.
      val: name of the feature that marks val images, and a function of the id that returns it; none: it is left out.
      group: name of the feature with the image's group, and a function of the id that returns it; none: it is left out.

    Raises:
      OSError: the file can't be written, for instance because the disk is full.
    """
    import tensorflow as tf

    image_key, label_key, id_key = keys
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else None) as writer:
            for image, label, image_id in examples:
                example = tf.train.Example()
                feature = example.features.feature
                feature[image_key].bytes_list.value.append(image)
                feature[label_key].int64_list.value.append(label)
                if id_key is not None:
                    feature[id_key].bytes_list.value.append(image_id)
                if val is not None:
                    feature[val[0]].int64_list.value.append(int(val[1](image_id)))
                if group is not None:
                    feature[group[0]].bytes_list.value.append(group[1](image_id))
                # Maps have no order of their own; equal records must give equal bytes.
                writer.write(example.SerializeToString(deterministic=True))
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def read_batches(path: Path) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yields (number of the batch's first record, the batch's serialized records).

    Raises:
      ThawError: the file can't be read, or a record in it is truncated or corrupt; the message names it.
    """
    import tensorflow as tf

    dataset = _open(path)
    first = 0
    try:
        for batch in dataset.batch(_records_at_once(path)).as_numpy_iterator():
            yield first, batch
            first += len(batch)
    except tf.errors.DataLossError as error:
        raise ThawError(f"{RecordPosition(path, _whole_records(path))}: the TFRecord is truncated or corrupt. Copy or "
                        "download the file again.") from error  # fmt: skip
    except tf.errors.OpError as error:
        raise ThawError(f"{path} can't be read: {error.message}. Expected a file of TFRecords that you may "
                        "read; correct its permissions.") from error  # fmt: skip


def _records_at_once(path: Path) -> int:
    with contextlib.suppress(OSError):  # TensorFlow says what is wrong with the file
        if path.stat().st_size > _LARGE_FILE:
            return _FEWER
    return _BATCH


def _open(path: Path) -> Any:
    import tensorflow as tf

    if path.suffix != ".gz":
        return tf.data.TFRecordDataset(str(path))
    # TensorFlow takes the end of a truncated gzip stream as the end of the file.
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise ThawError(f"{path}: the gzip file is truncated or corrupt ({error}). Copy or download it "
                        "again.") from error  # fmt: skip
    return tf.data.TFRecordDataset(str(path), compression_type="GZIP")


def _whole_records(path: Path) -> int:
    """The number of records that can be read before the first one that can't."""
    import tensorflow as tf

    count = 0
    with contextlib.suppress(tf.errors.DataLossError):
        for _ in _open(path):
            count += 1
    return count


def encode_png(image: np.ndarray) -> bytes:
    """Encodes one uint8 image of shape (height, width, 3) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
