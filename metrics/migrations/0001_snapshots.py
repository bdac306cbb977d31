import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_accounts'),
        ('pipeline', '0001_facts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('holder', models.CharField(blank=True, max_length=120)),
                ('expires_at', models.DateTimeField()),
                ('last_run_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Snapshot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('quarter_start', models.DateField()),
                ('quarter_end', models.DateField()),
                ('quarter_label', models.CharField(max_length=12)),
                ('segment', models.CharField(max_length=450)),
                ('version', models.PositiveIntegerField(default=0)),
                ('status', models.CharField(choices=[('running', 'Running'), ('settling', 'Settling'), ('final', 'Final')], max_length=8)),
                ('first', models.BooleanField(default=False)),
                ('as_of', models.DateTimeField()),
                ('computed_at', models.DateTimeField()),
                ('definitions', models.JSONField()),
                ('figures', models.JSONField()),
                ('digest', models.CharField(max_length=32)),
                ('cause', models.JSONField(blank=True, default=dict)),
                ('imported', models.BooleanField(default=False)),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company')),
                ('pipeline', accounts.tenancy.models.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='pipeline.pipeline')),
            ],
            options={
                'indexes': [models.Index(fields=['company', 'pipeline', 'quarter_start'], name='snapshot_quarter')],
                'constraints': [models.UniqueConstraint(fields=('company', 'id'), name='metrics_snapshot_company_id_key'), models.UniqueConstraint(fields=('company', 'pipeline', 'segment', 'quarter_start', 'version'), name='metrics_snapshot_version'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'final'), ('version__gte', 1)), models.Q(models.Q(('status', 'final'), _negated=True), ('version', 0)), _connector='OR'), name='metrics_snapshot_final_has_version')],
            },
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='pipeline', name='metrics_snapshot_pipeline_company_fk'),
        ),
    ]
