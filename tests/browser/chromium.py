"""Which Chromium the browser tests and the pictures use, and how it is started."""

import os

# The shell is the same engine without the window around it, and starts and draws sooner.
_USUAL = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(os.path.exists, _USUAL), _USUAL[-1])
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
