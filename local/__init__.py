"""Development only: runs the API on one machine, without the cloud and without containers."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The roots that Lambda has: the demo data is made by the operators' function itself.
sys.path += [str(ROOT / "functions"), str(ROOT / "layers" / "shared")]
