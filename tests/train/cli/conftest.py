"""The photographs and shards of the data's tests."""

from ..data.conftest import make_shard, make_tar, photo, photo_folder

__all__ = ["make_shard", "make_tar", "photo", "photo_folder"]
