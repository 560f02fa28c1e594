"""Features of the records: each has one meaning, and groups need a val that the records mark. No TensorFlow."""

import pydantic
import pytest

from experiment.config import Data


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"group_key": "person"}, "val would divide groups"),
        ({"group_key": "id", "val_key": "in_val"}, "id_key and group_key both name the feature 'id'"),
        ({"group_key": "v", "val_key": "v"}, "val_key and group_key both name the feature 'v'"),
        ({"image_key": "x", "label_key": "x", "id_key": "x"}, "image_key and id_key both name"),
    ],
)
def test_features_that_do_not_go_together_are_refused(keys, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        Data(**keys)


def test_a_feature_called_id_may_name_the_group_if_the_id_is_another_one():
    assert Data(group_key="id", id_key="file", val_key="in_val").group_key == "id"
