"""Part: load an exchange folder as a company with the product's own loader.

python -m benchmarks.build FOLDER SLUG
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import django


def main(folder: Path, slug: str) -> None:
    django.setup()
    from django.db import connection

    from accounts.actors import Actor
    from benchmarks.measuring import Meter, say
    from pipeline.services.load_company import load_company

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        meter = Meter(cursor.fetchone()[0])
    with meter.measured() as spent:
        loaded = load_company(
            folder=folder, slug=slug, by=Actor.product("bench"), now=datetime.now(UTC)
        )
    peaks = meter.peaks()
    say(
        "load",
        slug=slug,
        company_id=loaded.company_id,
        deals=loaded.deals,
        transitions=loaded.transitions,
        **spent.as_json(),
        **peaks,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
