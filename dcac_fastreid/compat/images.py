"""What fast-reid's data sets make of an image file."""

from dcac_fastreid.data.images import read_image_of_run
from fastreid.data import common


def read_any_image() -> None:
    """fastreid/data/data_utils.py:58 takes an image's pixels in whatever form the file has them.

    Any version of Pillow: TypeError (Cannot handle this data type) for 16-bit and 1-bit images; 2 or 4 channels of those
    with alpha, which fail in the batch or in the model; of a palette, the colours' numbers instead of the colours. A
    damaged file stops a run hours later with an error that does not name it. fastreid/data/common.py:40 looks the
    function up at every image.
    """
    common.read_image = read_image_of_run
