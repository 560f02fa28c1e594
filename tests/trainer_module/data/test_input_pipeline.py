"""Reading a split into arrays. Writes and reads small real TFRecords."""

import numpy as np
import pytest
import tensorflow as tf

from experiment import features
from experiment.errors import Damaged
from trainer_module.data.input_pipeline import read_split, records_hash, sibling_split

pytestmark = pytest.mark.slow  # imports TensorFlow


def write(path, rows, groups=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, copy, label, value in rows:
            example = tf.train.Example()
            content = example.features.feature
            content[features.IMAGE].bytes_list.value.append(bytes([value] * 12))
            content[features.LABEL].int64_list.value.append(label)
            content[features.ID].bytes_list.value.append(name.encode())
            content[features.COPY].int64_list.value.append(copy)
            if groups:
                content[features.GROUP].bytes_list.value.append(groups[name].encode())
            writer.write(example.SerializeToString())


def test_records_are_ordered_by_id_and_copy_whatever_the_order_in_the_files(tmp_path):
    write(tmp_path / "Split-train" / "b", [("i2", 1, 1, 21), ("i1", 0, 0, 10)])
    write(tmp_path / "Split-train" / "a", [("i2", 0, 1, 20), ("i1", 1, 0, 11)])
    records = read_split([f"{tmp_path}/Split-train/*"], (2, 2, 3))
    assert records.ids.tolist() == ["i1", "i1", "i2", "i2"]
    assert records.copies.tolist() == [0, 1, 0, 1]
    assert records.images[:, 0, 0, 0].tolist() == [10, 11, 20, 21]
    assert records.images.shape == (4, 2, 2, 3) and records.labels.tolist() == [0, 0, 1, 1]


def test_a_folder_s_name_is_no_pattern(tmp_path):
    for folder, value in (("photos [2024] v1", 10), ("photos 2 v1", 20), ("a*?{b}", 30)):
        write(tmp_path / folder / "Split-train" / "a", [("i1", 0, 0, value)])
        assert read_split([f"{tmp_path}/{folder}/Split-train/*"], (2, 2, 3)).images.max() == value


def test_ids_may_be_any_text(tmp_path):
    names = ["gänseblümchen_1.png", "日本 語", "z"]
    write(tmp_path / "Split-train" / "a", [(name, 0, 0, 10) for name in names])
    records = read_split([f"{tmp_path}/Split-train/*"], (2, 2, 3))
    assert records.ids.tolist() == sorted(names)
    assert len(records_hash(records)) == 32


def test_selecting_keeps_all_fields_together(tmp_path):
    write(tmp_path / "Split-train" / "a", [("i1", 0, 0, 10), ("i2", 0, 1, 20)])
    chosen = read_split([f"{tmp_path}/Split-train/*"], (2, 2, 3)).select(np.array([False, True]))
    assert (len(chosen), chosen.ids[0], chosen.images[0, 0, 0, 0]) == (1, "i2", 20)


def test_groups_are_read_where_records_have_them_and_numbered_by_name(tmp_path):
    write(
        tmp_path / "with" / "a", [("i3", 0, 0, 1), ("i1", 0, 1, 2), ("i2", 0, 1, 3)], {"i1": "z", "i2": "z", "i3": "ä"}
    )
    records = read_split([f"{tmp_path}/with/*"], (2, 2, 3))
    assert records.groups.tolist() == ["z", "z", "ä"] and records.group_numbers == (0, 0, 1)
    alone = records.select(np.array([True, False, True]))
    assert alone.groups.tolist() == ["z", "ä"] and alone.group_numbers == ()
    write(tmp_path / "without" / "a", [("i1", 0, 0, 1)])
    assert read_split([f"{tmp_path}/without/*"], (2, 2, 3)).group_numbers == ()


def test_a_hash_notices_one_pixel(tmp_path):
    for name, value in (("a", 10), ("b", 10), ("c", 11)):
        write(tmp_path / name / "x", [("i1", 0, 0, value)])
    hashes = [records_hash(read_split([f"{tmp_path}/{name}/*"], (2, 2, 3))) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_folder_is_taken_as_it_is_written(tmp_path):
    for folder, name in (("run [2]", "its own"), ("run 2", "another run's")):
        write(tmp_path / folder / "Split-train" / "a", [(name, 0, 0, 10)])
    assert read_split([f"{tmp_path}/run [2]/Split-train/*"], (2, 2, 3)).ids.tolist() == ["its own"]


def test_ids_beyond_ascii_are_kept(tmp_path):
    names = ["gänseblümchen_1.png", "日本 語", "\N{GRINNING FACE}"]
    write(tmp_path / "Split-train" / "a", [(name, 0, 0, 10) for name in names])
    records = read_split([f"{tmp_path}/Split-train/*"], (2, 2, 3))
    assert records.ids.tolist() == sorted(names)
    assert len(records_hash(records)) == 32


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(Damaged, match="No record in"):
        read_split([f"{tmp_path}/Split-none/*"], (2, 2, 3))


def test_images_of_another_size_are_damage(tmp_path):
    write(tmp_path / "Split-train" / "a", [("a", 0, 0, 10)])
    with pytest.raises(Damaged, match=r"images of \[12\] bytes; expected 27"):
        read_split([f"{tmp_path}/Split-train/*"], (3, 3, 3))


def test_the_sibling_of_val_is_found_and_a_strange_pattern_refused():
    assert sibling_split(["/x/Split-val/*"], "val", "test") == ["/x/Split-test/*"]
    with pytest.raises(ValueError, match="is not of the split 'val'"):
        sibling_split(["/x/Split-train/*"], "val", "test")
