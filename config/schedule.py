"""What runs by the clock. Each line says why; every task takes a lease, since two beats happen."""

BEAT_SCHEDULE = {
    # A wake-up message can be lost; the dirty rows in the database cannot. Every ten seconds
    # the sweep sends again for what is behind, and for quarters whose calendar moved on.
    "sweep": {"task": "metrics.sweep", "schedule": 10.0, "options": {"expires": 10}},
    # News of quarters is derived from their rows, and mail goes out each minute.
    "news": {"task": "metrics.news", "schedule": 60.0, "options": {"expires": 60}},
    # A day that ends makes deals mature without any change of facts, and Monday brings reminders.
    "experiments": {"task": "metrics.experiments", "schedule": 600.0, "options": {"expires": 600}},
}
