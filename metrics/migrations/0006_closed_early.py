"""A quarter that a clock closed before its time runs on; a version knows its facts by id."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metrics", "0005_sign_off")]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="known",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RemoveConstraint(
            model_name="snapshot", name="metrics_snapshot_final_has_version"
        ),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "final"), ("version__gte", 1)),
                    models.Q(
                        models.Q(("status", "final"), _negated=True),
                        models.Q(("version", 1), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="metrics_snapshot_final_has_version",
            ),
        ),
    ]
