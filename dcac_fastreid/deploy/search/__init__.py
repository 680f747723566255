"""Who of a gallery is on a photo: index, search, calibration."""
