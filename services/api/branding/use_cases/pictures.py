"""Makes a picture that somebody uploaded into one of ours: judged by its content, small, and without metadata. Pure.

What is stored was written by us alone: nothing of the file survives but its pixels, so neither a script hidden in it
nor where a photograph was taken reaches a browser. SVG is refused: it is a document, which can hold scripts.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from shared.errors import SettingsInvalid
from shared.language import declared, phrase

MAX_FILE_BYTES = 2_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")
# A small file can unpack to gigabytes; its header says so before a pixel is unpacked.
_MOST_PIXELS = 10_000_000
# Twice what the header shows, for screens with narrow pixels.
_FITS = (480, 96)
_MEDIA_TYPE = "image/png"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is stored."""

    content: bytes
    width: int
    height: int

    @property
    def media_type(self) -> str:
        """What browsers are told that it is."""
        return _MEDIA_TYPE

    @property
    def sha256(self) -> str:
        """Of its content."""
        return hashlib.sha256(self.content).hexdigest()


def as_logo(content: bytes) -> Picture:
    """The uploaded file as a logo.

    :raises SettingsInvalid: it is too large, or no PNG, JPEG or WebP that can be read to its end.
    """
    if len(content) > MAX_FILE_BYTES:
        raise SettingsInvalid(
            phrase(
                (
                    "The picture has {content:.1f} MB; at most {max_file_bytes:.0f} MB are allowed. Save a "
                    "smaller version."
                ),
                content=len(content) / 1e6,
                max_file_bytes=MAX_FILE_BYTES / 1e6,
            )
        )
    try:
        with warnings.catch_warnings():
            # Pillow warns above its own limit and refuses above twice that; ours is lower.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    raise Image.DecompressionBombError
                # The first picture of a moving one; turned as its camera says, before that is forgotten.
                upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SettingsInvalid(
            phrase(
                (
                    "A picture may have at most {most_pixels} million pixels, and this one has more. Save a "
                    "smaller version."
                ),
                most_pixels=_MOST_PIXELS // 1_000_000,
            )
        ) from error
    except UnidentifiedImageError as error:
        raise SettingsInvalid(
            declared(
                "The file is not a PNG, JPEG or WebP image. SVG is not allowed because it can contain "
                "scripts. Save it as PNG."
            )
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise SettingsInvalid(
            declared("The image is damaged or incomplete. Save it again as PNG.")
        ) from error
    upright.thumbnail(_FITS, Image.Resampling.LANCZOS)
    # Onto a fresh canvas: notes and profiles of the file stay behind.
    clean = Image.new("RGBA", upright.size)
    clean.paste(upright)
    written = io.BytesIO()
    clean.save(written, "PNG", optimize=True)
    return Picture(written.getvalue(), clean.width, clean.height)
