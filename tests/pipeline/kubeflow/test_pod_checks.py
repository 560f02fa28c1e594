"""What a pod compares with the compiled file, and its messages. Calls the checks; runs no pod."""

import errno
import os

import pytest
import tensorflow as tf

from experiment.errors import ThawError
from pipeline.kubeflow import pod_checks, task


def test_the_image_that_compiled_fits():
    pod_checks.check_image(pod_checks.expectations())
    pod_checks.check_image({})


@pytest.mark.parametrize("changed", ["code", "python", *pod_checks.PACKAGES])
def test_any_other_version_is_refused_with_both_named(changed):
    expected = pod_checks.expectations()
    with pytest.raises(ThawError, match="Build the image from the checkout that compiles") as raised:
        pod_checks.check_image({**expected, changed: "another"})
    assert "another" in str(raised.value) and expected[changed] in str(raised.value)


def test_a_package_that_the_image_lacks_is_named():
    # Only names of PACKAGES are compared: what a later Thaw adds is no error in an image of this one.
    pod_checks.check_image({**pod_checks.expectations(), "a_package_of_later": "1.0"})
    assert pod_checks._version("a-package-that-nobody-has") == "is not installed"


def test_a_gpu_is_wanted_only_where_the_file_requests_one():
    task.check_gpus({})
    task.check_gpus({pod_checks.GPUS: 0})
    if not tf.config.list_physical_devices("GPU"):
        with pytest.raises(ThawError, match=r"requests 2 GPU\(s\) .* compile with --gpus 0"):
            task.check_gpus({pod_checks.GPUS: 2})


def test_expectations_go_from_the_arguments_before_tfx_sees_them():
    arguments = ["--a", "1", pod_checks.ARGUMENT, '{"gpus": 1}', "--runner=x"]
    assert pod_checks.without_expectations(arguments) == (["--a", "1", "--runner=x"], {"gpus": 1})
    assert pod_checks.without_expectations(["--a"]) == (["--a"], {})


def wrapped(error):
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("[while running 'Write']") from inner
    except RuntimeError as outer:
        return outer


def test_what_the_user_can_correct_is_told_wherever_it_was_wrapped(tmp_path):
    assert pod_checks.explanation(wrapped(ThawError("No images.")), []) == "No images."
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "file"))
    told = pod_checks.explanation(wrapped(full), [tmp_path, tmp_path / "nothing"])
    assert told.startswith(f"The disk is full: {tmp_path / 'file'} can't be written.")
    assert f"{tmp_path} " in told and "nothing" not in told
    assert pod_checks.explanation(wrapped(KeyError("a")), []) is None
