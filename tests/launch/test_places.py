"""State folder, lock, secrets and ports."""

import os
import socket
import stat
from pathlib import Path

import pytest

from config.launch.places import Busy, Home, choose_port, port_is_free, state_folder
from config.launch.refusal import Refusal


def test_state_folder_is_the_override_else_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_folder() == Path("/home/anna/.local/state/leverpoint")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_folder() == Path("/state/leverpoint")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says its specification
    assert state_folder() == Path("/home/anna/.local/state/leverpoint")
    monkeypatch.setenv("LEVERPOINT_HOME", "~/here")
    assert state_folder() == Path("/home/anna/here")


def test_unwritable_folder_is_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(Refusal, match=r"cannot be written .*LEVERPOINT_HOME="), Home(blocked / "x"):
        pass


def test_two_runs_on_one_folder_are_a_sentence(home: Home) -> None:
    with (
        pytest.raises(Busy, match=rf"process {os.getpid()}\) is using .*LEVERPOINT_HOME="),
        Home(home.path),
    ):
        pass


def test_the_lock_ends_with_its_run(tmp_path: Path) -> None:
    with Home(tmp_path):
        pass
    with Home(tmp_path):
        pass


def test_secrets_are_made_once_and_readable_by_their_owner_alone(home: Home) -> None:
    first = home.secrets()
    assert home.secrets() == first
    values = {first.superuser, first.owner, first.app, first.redis, first.secret_key}
    assert len(values) == 5
    assert min(map(len, values)) >= 48
    assert stat.S_IMODE((home.path / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert first.owner not in repr(home)


def test_damaged_secrets_are_a_sentence(home: Home) -> None:
    (home.path / "secrets.json").write_text("{")
    with pytest.raises(Refusal, match="restore it from a backup"):
        home.secrets()


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    remembered = tmp_path / "port"
    first = choose_port(remembered)
    assert choose_port(remembered) == first
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first))
        other.listen()
        assert not port_is_free("127.0.0.1", first)
        assert choose_port(remembered) != first
