import accounts.tenancy.constraints
import accounts.tenancy.models
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_accounts"),
        ("accounts", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="Competitor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=250)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Deal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=250)),
                (
                    "amount",
                    models.DecimalField(blank=True, decimal_places=2, max_digits=16, null=True),
                ),
                ("currency", models.CharField(max_length=3)),
                ("external_system", models.CharField(blank=True, max_length=40)),
                ("external_id", models.CharField(blank=True, max_length=120)),
                ("path_known", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("open", "Open"),
                            ("won", "Won"),
                            ("lost", "Lost"),
                            ("", "No history"),
                        ],
                        default="",
                        max_length=4,
                    ),
                ),
                ("opened_on", models.DateField(blank=True, null=True)),
                ("closed_on", models.DateField(blank=True, null=True)),
                ("stage_entered_on", models.DateField(blank=True, null=True)),
                ("path", models.BinaryField(default=b"")),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "competitor",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deals",
                        to="pipeline.competitor",
                    ),
                ),
                (
                    "customer",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deals",
                        to="pipeline.customer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Activity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("call", "Call"), ("meeting", "Meeting"), ("email", "E-mail")],
                        max_length=8,
                    ),
                ),
                ("happened_at", models.DateTimeField()),
                ("happened_on", models.DateField()),
                ("subject", models.CharField(blank=True, max_length=250)),
                ("recorded_at", models.DateTimeField()),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "deal",
                    accounts.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="activities",
                        to="pipeline.deal",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DealChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(max_length=30)),
                ("before", models.CharField(blank=True, max_length=300)),
                ("after", models.CharField(blank=True, max_length=300)),
                ("changed_at", models.DateTimeField()),
                ("origin", models.CharField(max_length=40)),
                (
                    "changed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "deal",
                    accounts.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="pipeline.deal",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DirtyQuarter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("quarter_start", models.DateField()),
                ("gen", models.PositiveBigIntegerField(default=1)),
                ("done_gen", models.PositiveBigIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("month", models.DateField()),
                ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("system", models.CharField(max_length=40)),
                ("files", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=dict)),
                ("report", models.JSONField(default=dict)),
                ("imported_at", models.DateTimeField()),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "imported_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="import_batch",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.importbatch",
            ),
        ),
        migrations.CreateModel(
            name="LostReason",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("competitor", "Competitor"),
                            ("no_decision", "No decision"),
                            ("other", "Other"),
                            ("unknown", "Unknown"),
                        ],
                        default="unknown",
                        max_length=12,
                    ),
                ),
                ("detail", models.CharField(max_length=200)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="lost_reason",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.lostreason",
            ),
        ),
        migrations.CreateModel(
            name="Pipeline",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveSmallIntegerField(default=1)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="pipeline",
            field=accounts.tenancy.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.pipeline",
            ),
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="product",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.product",
            ),
        ),
        migrations.CreateModel(
            name="Rep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("mailbox_linked_at", models.DateTimeField(blank=True, null=True)),
                ("left_on", models.DateField(blank=True, null=True)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "membership",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reps",
                        to="accounts.membership",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body", models.TextField(max_length=20000)),
                ("written_at", models.DateTimeField()),
                (
                    "activity",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="pipeline.activity",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "deal",
                    accounts.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="pipeline.deal",
                    ),
                ),
                (
                    "rep",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="pipeline.rep",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="rep",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.rep",
            ),
        ),
        migrations.AddField(
            model_name="activity",
            name="rep",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="activities",
                to="pipeline.rep",
            ),
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "channel",
                    models.CharField(
                        blank=True,
                        choices=[("inbound", "Inbound"), ("outbound", "Outbound"), ("", "Unknown")],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="source",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.source",
            ),
        ),
        migrations.CreateModel(
            name="Stage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("open", "Open"), ("won", "Won"), ("lost", "Lost")],
                        default="open",
                        max_length=4,
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("exit_criterion", models.CharField(blank=True, max_length=300)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "pipeline",
                    accounts.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stages",
                        to="pipeline.pipeline",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="deal",
            name="stage",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deals",
                to="pipeline.stage",
            ),
        ),
        migrations.CreateModel(
            name="StageTransition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("occurred_on", models.DateField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("opening", "Opened"),
                            ("move", "Moved"),
                            ("correction", "Corrected"),
                            ("withdrawal", "Withdrawn"),
                            ("import", "Imported"),
                            ("load", "Loaded"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("idempotency_key", models.CharField(blank=True, max_length=80, null=True)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
                (
                    "deal",
                    accounts.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transitions",
                        to="pipeline.deal",
                    ),
                ),
                (
                    "from_stage",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="pipeline.stage",
                    ),
                ),
                (
                    "import_batch",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transitions",
                        to="pipeline.importbatch",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "replaces",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="pipeline.stagetransition",
                    ),
                ),
                (
                    "to_stage",
                    accounts.tenancy.models.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="pipeline.stage",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.company",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="rep",
            name="team",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reps",
                to="pipeline.team",
            ),
        ),
        migrations.AddConstraint(
            model_name="competitor",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_competitor_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="competitor",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_competitor_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_customer_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_customer_name"
            ),
        ),
        migrations.AddIndex(
            model_name="dealchange",
            index=models.Index(fields=["company", "deal"], name="dealchange_by_deal"),
        ),
        migrations.AddIndex(
            model_name="dealchange",
            index=models.Index(fields=["company", "changed_at"], name="dealchange_by_time"),
        ),
        migrations.AddConstraint(
            model_name="dealchange",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_dealchange_company_id_key"
            ),
        ),
        migrations.AddIndex(
            model_name="dirtyquarter",
            index=models.Index(
                condition=models.Q(("gen__gt", models.F("done_gen"))),
                fields=["company", "quarter_start"],
                name="dirtyquarter_behind",
            ),
        ),
        migrations.AddIndex(
            model_name="dirtyquarter",
            index=models.Index(fields=["due_at"], name="dirtyquarter_due"),
        ),
        migrations.AddConstraint(
            model_name="dirtyquarter",
            constraint=models.UniqueConstraint(
                fields=("company", "quarter_start"), name="pipeline_dirtyquarter_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_exchangerate_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.UniqueConstraint(
                fields=("company", "currency", "month"), name="pipeline_exchangerate_month"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate__gt", 0)), name="pipeline_exchangerate_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("month__day", 1)), name="pipeline_exchangerate_first_of_month"
            ),
        ),
        migrations.AddConstraint(
            model_name="importbatch",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_importbatch_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreason",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_lostreason_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreason",
            constraint=models.UniqueConstraint(
                fields=("company", "detail"), name="pipeline_lostreason_detail"
            ),
        ),
        migrations.AddConstraint(
            model_name="pipeline",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_pipeline_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="pipeline",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_pipeline_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_product_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_product_name"
            ),
        ),
        migrations.AddIndex(
            model_name="note",
            index=models.Index(fields=["company", "deal"], name="note_by_deal"),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_note_company_id_key"
            ),
        ),
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(fields=["company", "deal"], name="activity_by_deal"),
        ),
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(fields=["company", "happened_on"], name="activity_by_day"),
        ),
        migrations.AddConstraint(
            model_name="activity",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_activity_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_source_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_source_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_stage_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                fields=("company", "pipeline", "name"), name="pipeline_stage_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                fields=("company", "pipeline", "position"),
                name="pipeline_stage_position",
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "open"), ("position__gte", 1)),
                    models.Q(("kind__in", ["won", "lost"]), ("position__isnull", True)),
                    _connector="OR",
                ),
                name="pipeline_stage_open_has_position",
            ),
        ),
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(
                fields=["company", "pipeline", "closed_on", "opened_on"], name="deal_in_play"
            ),
        ),
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(fields=["company", "opened_on"], name="deal_opened"),
        ),
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(fields=["company", "customer"], name="deal_by_customer"),
        ),
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(fields=["company", "rep"], name="deal_by_rep"),
        ),
        migrations.AddIndex(
            model_name="deal",
            index=models.Index(fields=["company", "stage"], name="deal_by_stage"),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_deal_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("company", "external_system", "external_id"),
                name="pipeline_deal_external",
            ),
        ),
        migrations.AddIndex(
            model_name="stagetransition",
            index=models.Index(fields=["company", "recorded_at"], name="transition_by_recorded"),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_stagetransition_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=models.UniqueConstraint(
                fields=("company", "deal", "number"), name="pipeline_stagetransition_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("company", "idempotency_key"),
                name="pipeline_stagetransition_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("to_stage__isnull", False), ("replaces__isnull", False), _connector="OR"
                ),
                name="pipeline_stagetransition_goes_somewhere",
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_team_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_team_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="rep",
            constraint=models.UniqueConstraint(
                fields=("company", "id"), name="pipeline_rep_company_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="rep",
            constraint=models.UniqueConstraint(
                fields=("company", "name"), name="pipeline_rep_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="rep",
            constraint=models.UniqueConstraint(
                fields=("company", "membership"), name="pipeline_rep_membership"
            ),
        ),
        migrations.AddConstraint(
            model_name="dealchange",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="deal", name="pipeline_dealchange_deal_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="deal", name="pipeline_note_deal_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="activity", name="pipeline_note_activity_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="rep", name="pipeline_note_rep_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="activity",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="deal", name="pipeline_activity_deal_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="activity",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="rep", name="pipeline_activity_rep_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="pipeline", name="pipeline_stage_pipeline_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="pipeline", name="pipeline_deal_pipeline_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="customer", name="pipeline_deal_customer_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="rep", name="pipeline_deal_rep_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="product", name="pipeline_deal_product_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="source", name="pipeline_deal_source_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="lost_reason", name="pipeline_deal_lost_reason_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="competitor", name="pipeline_deal_competitor_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="import_batch", name="pipeline_deal_import_batch_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="deal",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="stage", name="pipeline_deal_stage_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="deal", name="pipeline_stagetransition_deal_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="from_stage", name="pipeline_stagetransition_from_stage_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="to_stage", name="pipeline_stagetransition_to_stage_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="replaces", name="pipeline_stagetransition_replaces_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="stagetransition",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="import_batch", name="pipeline_stagetransition_import_batch_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="rep",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="team", name="pipeline_rep_team_company_fk"
            ),
        ),
        migrations.AddConstraint(
            model_name="rep",
            constraint=accounts.tenancy.constraints.CompositeForeignKey(
                field="membership", name="pipeline_rep_membership_company_fk"
            ),
        ),
    ]
