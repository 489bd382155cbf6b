"""Detail transfer: the colours of a rough completion, the texture of the photograph itself."""

from glcic_backend.detail.recipe import FAITHFUL, FREE
from glcic_backend.detail.search import Task
from glcic_backend.detail.transfer import transfer_texture

__all__ = ["FAITHFUL", "FREE", "Task", "transfer_texture"]
