from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "pipeline"

    def ready(self) -> None:
        from anymail.signals import inbound

        from pipeline import permissions  # noqa: F401  fills the policy table
        from pipeline.views.mail_inbound import on_message

        # How django-anymail hands over a message; no signal of ours carries anything.
        inbound.connect(on_message, dispatch_uid="pipeline.mail_inbound")
