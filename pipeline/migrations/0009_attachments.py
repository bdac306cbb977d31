"""Attachments of e-mail: whether a company stores them, and the bytes of those that it does."""

import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_notifications'),
        ('pipeline', '0008_longest_in_stage'),
    ]

    operations = [
        migrations.CreateModel(
            name='MailSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('keep_attachments', models.BooleanField(default=False)),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('company', 'id'), name='pipeline_mailsettings_company_id_key'), models.UniqueConstraint(fields=('company',), name='pipeline_mailsettings_once')],
            },
        ),
        migrations.CreateModel(
            name='StoredAttachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('size', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company')),
                ('email', accounts.tenancy.models.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stored', to='pipeline.emailmessage')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('company', 'id'), name='pipeline_storedattachment_company_id_key'), accounts.tenancy.constraints.CompositeForeignKey(field='email', name='pipeline_storedattachment_email_company_fk'), models.UniqueConstraint(fields=('company', 'email', 'number'), name='pipeline_storedattachment_once')],
            },
        ),
    ]
