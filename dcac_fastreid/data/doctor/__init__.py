"""What lies in a folder of data sets: which ones, complete or not, and how fast-reid wants them laid out."""

from dcac_fastreid.data.doctor.diagnose import diagnose
from dcac_fastreid.data.doctor.report import as_json, as_text

__all__ = ["as_json", "as_text", "diagnose"]
