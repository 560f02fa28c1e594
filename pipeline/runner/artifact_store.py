"""Checks before any node runs that the pipeline's root in an object store can be used. Imports only errors."""

from __future__ import annotations

from experiment.errors import ThawError

S3_PACKAGES = "tensorflow-io==0.37.1 boto3"


def open_store(root: str) -> None:
    """Lets TensorFlow use the URI's file system and makes the root.

    Args:
      root: such as gs://bucket/thaw or s3://bucket/thaw.

    Raises:
      ThawError: a package is missing, or the store rejects the write.
    """
    import tensorflow as tf

    try:
        if root.startswith("s3://"):
            # TensorFlow's file system for S3 is in it, Beam's needs the other.
            import boto3  # noqa: F401
            import tensorflow_io  # noqa: F401
        # Made and written to, because an object store neither keeps nor rejects an empty folder.
        tf.io.gfile.makedirs(root)
        with tf.io.gfile.GFile(f"{root}/.writable", "w") as file:
            file.write("")
        tf.io.gfile.remove(f"{root}/.writable")
    except ImportError as error:
        raise ThawError(f"pipeline_root is {root}, but {error}. Run: pip install {S3_PACKAGES}") from error
    except tf.errors.OpError as error:
        raise ThawError(f"pipeline_root is {root}, which can't be written: {error.message}. docs/storage.md describes "
                        "what bucket, credentials and endpoint must be.") from error  # fmt: skip
