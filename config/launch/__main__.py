"""The door: `python -m config.launch COMMAND`. See `make help` for what each is for."""

import signal
import sys

from config.launch.engines import Engines, wanted_version
from config.launch.places import Home, state_folder
from config.launch.refusal import Refusal


def hold_engines() -> int:
    """Run the private engines alone, printing how to reach them, until Ctrl-C."""
    with (
        Home(state_folder()) as home,
        Engines(home, version=wanted_version(), may_create_databases=True) as engines,
    ):
        for name, value in engines.environment().items():
            print(f"export {name}='{value}'", flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("Stopping.", file=sys.stderr)
    return 0


COMMANDS = {"engines": hold_engines}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"Usage: python -m config.launch {{{','.join(COMMANDS)}}}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]]()
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
