"""A simulated B2B coaching business whose truth is known.

`simulate(seed=.., as_of=..)` gives ten quarters of deals, moves, activities and notes until
that instant, the same ones for the same seed and instant. It is the demo company, and the
yardstick of the estimators: `Simulation.truth` holds what they should find.
"""

from metrics.calc.simulate.business import simulate
from metrics.calc.simulate.records import (
    SimulatedActivity,
    SimulatedDeal,
    SimulatedMove,
    SimulatedNote,
    Simulation,
)
from metrics.calc.simulate.world import EXIT_CRITERIA, REPS, SOURCES, STAGES, Truth

__all__ = [
    "EXIT_CRITERIA",
    "REPS",
    "SOURCES",
    "STAGES",
    "SimulatedActivity",
    "SimulatedDeal",
    "SimulatedMove",
    "SimulatedNote",
    "Simulation",
    "Truth",
    "simulate",
]
