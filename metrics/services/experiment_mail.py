"""The weekly reminder to look at a running experiment, to its owner, on Monday morning."""

from datetime import datetime, time, timedelta

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Company, Membership
from accounts.tenancy.context import company_context
from metrics.models import Experiment, ExperimentResult
from metrics.selectors.experiment_stored import figures_in
from metrics.services.experiment_log import note_check_in

_FROM = time(8, 0)  # of Monday, on the company's clocks


def send_check_ins(*, company_id: int, now: datetime) -> int:
    """Remind the owners of running experiments, once a week each; how many letters went out.

    From Monday at eight on; after an outage later in the week. Not to who has left the company,
    and not where history stands still. A letter that is refused leaves no trace and is tried
    again the next time; the error ends the round.
    """
    with company_context(company_id):
        with transaction.atomic():
            company = Company.objects.get(pk=company_id)
            running = Experiment.objects.filter(
                state=Experiment.State.RUNNING, owner__isnull=False
            ).order_by("pk")
            owned = list(running.values_list("pk", "started_at"))
        here = now.astimezone(company.zone)
        monday = here.date() - timedelta(days=here.weekday())
        since = datetime.combine(monday, _FROM, tzinfo=company.zone)
        if company.as_of is not None or here < since:
            return 0
        year, week, _day = monday.isocalendar()
        return sum(
            _remind(company, pk, f"{year}-W{week:02d}", now)
            for pk, started_at in owned
            if started_at is not None and started_at < since
        )


def _remind(company: Company, experiment_id: int, week: str, now: datetime) -> bool:
    with transaction.atomic():
        experiment = Experiment.objects.select_for_update().filter(pk=experiment_id).first()
        if experiment is None or experiment.state != Experiment.State.RUNNING:
            return False
        owner = (
            Membership.objects.select_related("user").filter(user_id=experiment.owner_id).first()
        )
        if owner is None or not owner.user.is_active:
            return False
        name = owner.user.name or owner.user.email
        if not note_check_in(company=company, experiment=experiment, week=week, name=name, now=now):
            return False
        with translation.override(company.locale):
            subject = _("This week: {title}").format(title=experiment.title)
            body = render_to_string(
                "metrics/mail/experiment_check_in.txt", _context(company, experiment, name, now)
            )
        # Sent last: a letter that is refused takes the entry back with it.
        send_mail(" ".join(subject.split()), body, None, [owner.user.email])
        return True


def _context(
    company: Company, experiment: Experiment, name: str, now: datetime
) -> dict[str, object]:
    row = (
        ExperimentResult.objects.filter(experiment=experiment, kind=ExperimentResult.Kind.RUNNING)
        .order_by("-day")
        .first()
    )
    figures = figures_in(row.figures if row else None)
    starts, today = experiment.starts_on, company.local_day(now)
    return {
        "name": name,
        "company": company.name,
        "title": experiment.title,
        "week": 1 + max(0, (today - starts).days // 7) if starts else None,
        "ends_on": experiment.ends_on,
        "verdict": figures.primary.verdict if figures else None,
        "mature": figures.primary.test.mature if figures else None,
        "young": figures.primary.test.young if figures else None,
    }
