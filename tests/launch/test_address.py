"""HOST and PORT: checked before anything starts, each fault with a sentence."""

import socket

import pytest

from config.launch.refusal import Refusal
from config.launch.run import wanted_address


def test_the_default_is_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.launch.run.port_is_free", lambda host, port: True)
    assert wanted_address() == ("127.0.0.1", 8000)
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "8080")
    assert wanted_address() == ("0.0.0.0", 8080)


def test_a_taken_port_is_a_sentence_with_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(Refusal, match=rf"Port {port} on 127.0.0.1 is taken.*PORT=\d+ make run"):
            wanted_address()


@pytest.mark.parametrize("port", ["eight", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(Refusal, match="is not a port"):
        wanted_address()


@pytest.mark.parametrize("host", ["192.0.2.1", "not a host"])
def test_an_address_of_another_machine_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", "18999")
    with pytest.raises(Refusal, match="is not an address of this machine"):
        wanted_address()
