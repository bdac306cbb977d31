"""The door: `python -m config.launch COMMAND`. See `make help` for what each is for."""

import signal
import sys

from config.launch.engines import Engines, wanted_version
from config.launch.places import Home, state_folder
from config.launch.refusal import Refusal
from config.launch.testing import run_tests


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


def main(arguments: list[str]) -> int:
    """Run one command; a refusal is a sentence on standard error and exit code 1."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        match name:
            case "engines":
                return hold_engines()
            case "test":
                return run_tests(rest)
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    print("Usage: python -m config.launch {engines,test}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
