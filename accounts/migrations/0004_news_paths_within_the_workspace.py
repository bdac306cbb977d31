from django.db import migrations


class Migration(migrations.Migration):
    """The page that news leads to, without the slug: a company may be loaded under another."""

    dependencies = [
        ('accounts', '0003_notifications'),
    ]

    operations = [
        migrations.RunSQL(
            "UPDATE accounts_notification SET path = regexp_replace(path, '^/w/[^/]+/', '')",
            "UPDATE accounts_notification n SET path = '/w/' || c.slug || '/' || n.path"
            " FROM accounts_company c WHERE c.id = n.company_id AND n.path <> ''",
        ),
    ]
