from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "metrics"

    def ready(self) -> None:
        from metrics import permissions  # noqa: F401  fills the policy table
        from metrics.selectors.assignments import arms_remarks
        from pipeline.selectors.card_tags import CardTag, register

        # The board shows a deal's arm without knowing what an experiment is.
        register(CardTag("arms", arms_remarks))
