"""The door: `python -m config.launch COMMAND`. `make help` says what each is for."""

import os
import signal
import subprocess
import sys

from config.launch.addresses import engines_for_a_command, read_env_file, take_back, write_down
from config.launch.engines import Engines, wanted_version
from config.launch.places import REPOSITORY, Home, state_folder
from config.launch.processes import watched
from config.launch.refusal import Refusal
from config.launch.run import run
from config.launch.testing import run_tests


def hold_engines() -> int:
    """Run the private engines alone, printing how to reach them, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        Home(state_folder()) as home,
        watched(),
        Engines(home, version=wanted_version(), may_create_databases=True) as engines,
    ):
        write_down(home.path, engines.environment())
        for name, value in engines.environment().items():
            print(f"export {name}='{value}'", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("Stopping.", file=sys.stderr)
        finally:
            take_back(home.path)
    return 0


def manage(arguments: list[str]) -> int:
    """One command of manage.py, on the engines of a run or on engines of its own."""
    with engines_for_a_command() as more:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, env={**os.environ, **more}, cwd=REPOSITORY, check=False
        ).returncode


def main(arguments: list[str]) -> int:
    """Run one command; a refusal is a sentence on standard error and exit code 1."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    read_env_file()
    try:
        match name:
            case "run":
                return run()
            case "engines":
                return hold_engines()
            case "test":
                return run_tests(rest)
            case "manage":
                return manage(rest)
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("Usage: python -m config.launch {run,test,manage,engines}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
