"""`manage.py dump_snapshots --slug S`: every figure as JSON on standard output, nothing else."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.selectors.companies import company_by_slug
from accounts.tenancy.context import company_context
from metrics.calc.expected import expected_shape
from metrics.selectors.figures import all_figures
from pipeline.models import Pipeline


class Command(BaseCommand):
    help = "Print quarter -> segment -> figures of the newest snapshots as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slug", required=True)
        parser.add_argument("--pipeline", help="its name; the first one by default")

    def handle(self, *args: Any, **options: Any) -> None:
        company = company_by_slug(options["slug"])
        with company_context(company.pk), transaction.atomic():
            pipeline_id = None
            if options["pipeline"]:
                pipeline = Pipeline.objects.filter(name=options["pipeline"]).first()
                if pipeline is None:
                    names = ", ".join(Pipeline.objects.values_list("name", flat=True))
                    raise CommandError(
                        f"{company.name} has no pipeline {options['pipeline']}; it has {names}."
                    )
                pipeline_id = pipeline.pk
            figures = all_figures(company=company, pipeline_id=pipeline_id)
        shaped = {
            label: {segment: expected_shape(of) for segment, of in segments.items()}
            for label, segments in figures.items()
        }
        json.dump(shaped, self.stdout._out, indent=1, sort_keys=True, allow_nan=False)
        self.stdout.write("")
