"""Thumbnails: encoded small pictures of stimuli.

`previews` creates them. This module is separate, so that a service reads stored thumbnails without Pillow.
"""

import base64
from typing import NamedTuple


class Thumbnail(NamedTuple):
    """A small picture of a stimulus.

    Attributes
    ----------
    data : bytes
        The encoded picture; empty if the stimulus has no preview.
    media_type : str
        Such as `image/webp`.
    width, height : int
        Size in pixels.
    kind : str
        The kind of the stimulus: `image`, `sound`, `video`, `text` or `file`.
    note : str
        Details: dimensions, duration, the beginning of a text, or the reason why there is no picture.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    kind: str
    note: str

    @property
    def uri(self) -> str:
        """The picture as a data URI, for the `img` elements of a self-contained page."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}" if self.data else ""
