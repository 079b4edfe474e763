"""``python -m services.cli`` is ``rollcall``."""

import sys

from services.cli.main import main

sys.exit(main())
