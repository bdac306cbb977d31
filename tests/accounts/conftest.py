from tests.personas import (  # noqa: F401  fixtures
    alpha,
    committed_alpha,
    committed_world,
    quiet_world,
    world,
)
