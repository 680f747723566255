"""HTML pages from one base template: no script, no network, for screens of 390 to 1600 pixels."""
