"""Entry of the background process; `process.ensure_controller` starts it."""

import sys

from tui.controller.background import main

sys.exit(main())
