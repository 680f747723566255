"""JSON files of which nobody knows whether they are whole: the object in one, or none."""

import json
from pathlib import Path
from typing import Any


def read_object(file: Path) -> dict[str, Any] | None:
    """None where the file is damaged, or holds something else. Raises OSError: it is not there, or cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8", errors="surrogateescape"))  # names in it need be no text
    except (ValueError, RecursionError):  # no JSON, or too deep
        return None
    return content if isinstance(content, dict) else None
