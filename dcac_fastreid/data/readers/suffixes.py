"""Which files are photos by the end of their names, and which of them can be read here?"""

import os

from PIL import Image

# Pillow's names of the formats that photographs come in; it opens icons, films and drawings too.
FORMATS = {"AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "JXL", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP"}
# What cameras and phones write besides; some versions of Pillow open some of them.
OTHERS = (
    ".avif .avifs .heic .heics .heif .heifs .hif .jxl .jxr .wdp .hdp .jp2 .j2k .jpx .bpg .psd "
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .insp .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f"
).split()

PHOTOS = frozenset(
    suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS and name in Image.OPEN
)
NOT_READ_HERE = frozenset(OTHERS) - PHOTOS


def suffix_of(name: str | os.PathLike) -> str:
    """In small letters, with its dot: ".jpg" of "IMG_1.JPG"."""
    return os.path.splitext(name)[1].lower()
