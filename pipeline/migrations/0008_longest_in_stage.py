"""The board's first cards: of each stage the open deals that are longest in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pipeline", "0007_materials")]

    operations = [
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(
                fields=["company", "stage", "stage_entered_on", "id"],
                name="deal_longest_in_stage",
                condition=models.Q(outcome="open"),
            ),
        ),
    ]
