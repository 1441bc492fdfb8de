"""``python -m spawner``."""

import sys

from spawner.settings import SpawnerSettings
from voxie_agents.worker_settings import SettingsError, load

if __name__ == "__main__":
    try:
        chosen = load(SpawnerSettings)
    except SettingsError as error:
        sys.exit(f"spawner: {error}")
    # Imported late: it takes seconds, which whoever forgot a variable need not wait for.
    from spawner.spawner_agent import main

    main(chosen)
