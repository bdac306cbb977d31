"""Deals by the beginning of their name, for searches in companies with very many of them."""

from django.db import migrations

_NAME = (
    "(CASE WHEN octet_length(name) = char_length(name) THEN lower(name) ELSE"
    " lower(regexp_replace(normalize(name, NFKD), '[\\u0300-\\u036f]+', '', 'g')) END)"
)


class Migration(migrations.Migration):
    dependencies = [("pipeline", "0005_removed_members")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX deal_by_folded_name ON pipeline_deal"
            f" (company_id, {_NAME} text_pattern_ops)",
            "DROP INDEX deal_by_folded_name",
        ),
    ]
