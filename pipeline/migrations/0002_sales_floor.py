import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_sales_floor'),
        ('pipeline', '0001_facts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('phone', models.CharField(blank=True, max_length=60)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('decides', models.BooleanField(blank=True, null=True)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EmailMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.CharField(max_length=250)),
                ('state', models.CharField(choices=[('matched', 'Matched'), ('waiting', 'Waiting'), ('dismissed', 'Dismissed')], default='waiting', max_length=9)),
                ('sender', models.CharField(max_length=320)),
                ('recipients', models.JSONField(default=list)),
                ('subject', models.CharField(blank=True, max_length=500)),
                ('body', models.TextField(blank=True)),
                ('attachments', models.JSONField(default=list)),
                ('sent_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('why_waiting', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='SavedSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('query', models.CharField(max_length=1000)),
                ('shared', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='stage',
            name='pipeline_stage_open_has_position',
        ),
        migrations.RemoveField(
            model_name='rep',
            name='left_on',
        ),
        migrations.AddField(
            model_name='competitor',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='deal',
            name='next_step',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='deal',
            name='next_step_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='deal',
            name='won_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='lostreason',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='pipeline',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='rep',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='source',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='stage',
            name='replaced_by',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='pipeline.stage'),
        ),
        migrations.AddField(
            model_name='stage',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='stage',
            name='usual_days',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='team',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='deal',
            index=models.Index(condition=models.Q(('next_step_on__isnull', False), ('outcome', 'open')), fields=['company', 'next_step_on'], name='deal_next_step_due'),
        ),
        migrations.AddConstraint(
            model_name='stage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'open'), ('position__gte', 1), ('retired_at__isnull', True)), models.Q(('kind', 'open'), ('position__isnull', True), ('retired_at__isnull', False)), models.Q(('kind__in', ['won', 'lost']), ('position__isnull', True)), _connector='OR'), name='pipeline_stage_open_has_position'),
        ),
        migrations.AddField(
            model_name='contact',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='contact',
            name='customer',
            field=accounts.tenancy.models.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='contacts', to='pipeline.customer'),
        ),
        migrations.AddField(
            model_name='emailmessage',
            name='activity',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='emails', to='pipeline.activity'),
        ),
        migrations.AddField(
            model_name='emailmessage',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='emailmessage',
            name='rep',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='emails', to='pipeline.rep'),
        ),
        migrations.AddField(
            model_name='savedsegment',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='savedsegment',
            name='membership',
            field=accounts.tenancy.models.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='saved_segments', to='accounts.membership'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['company', 'customer'], name='contact_by_customer'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['company', 'email'], name='contact_by_email'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('company', 'id'), name='pipeline_contact_company_id_key'),
        ),
        migrations.AddIndex(
            model_name='emailmessage',
            index=models.Index(fields=['company', 'state'], name='email_by_state'),
        ),
        migrations.AddConstraint(
            model_name='emailmessage',
            constraint=models.UniqueConstraint(fields=('company', 'id'), name='pipeline_emailmessage_company_id_key'),
        ),
        migrations.AddConstraint(
            model_name='emailmessage',
            constraint=models.UniqueConstraint(fields=('company', 'message_id'), name='pipeline_emailmessage_once'),
        ),
        migrations.AddConstraint(
            model_name='savedsegment',
            constraint=models.UniqueConstraint(fields=('company', 'id'), name='pipeline_savedsegment_company_id_key'),
        ),
        migrations.AddConstraint(
            model_name='savedsegment',
            constraint=models.UniqueConstraint(fields=('company', 'membership', 'name'), name='pipeline_savedsegment_name'),
        ),
        migrations.AddConstraint(
            model_name='stage',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='replaced_by', name='pipeline_stage_replaced_by_company_fk'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='customer', name='pipeline_contact_customer_company_fk'),
        ),
        migrations.AddConstraint(
            model_name='emailmessage',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='activity', name='pipeline_emailmessage_activity_company_fk'),
        ),
        migrations.AddConstraint(
            model_name='emailmessage',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='rep', name='pipeline_emailmessage_rep_company_fk'),
        ),
        migrations.AddConstraint(
            model_name='savedsegment',
            constraint=accounts.tenancy.constraints.CompositeForeignKey(field='membership', name='pipeline_savedsegment_membership_company_fk'),
        ),
    ]
