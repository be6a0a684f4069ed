"""Where things stand in the tree."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FIXTURES: Final = ROOT / "fixtures"
DEPLOY: Final = ROOT / "deploy"
GRAFANA: Final = DEPLOY / "grafana"
SUPPORT: Final = ROOT / "tests" / "support"
