"""Cases that are never collected, for test_slots.py: it is known that somebody waits for them."""

import os
import time
from pathlib import Path

Path(os.environ["STEERED_FILE"]).touch()
time.sleep(99)
