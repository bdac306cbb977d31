"""Every address of the product, read from the resolver, so that the next page is born inside.

A page with an argument that stands not in ARGUMENTS fails: say there what a test may ask for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import Invitation
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import METHOD
from metrics.models import (
    DangerPoint,
    Experiment,
    ExperimentResult,
    Finding,
    FindingDeal,
    RecordedChange,
    Review,
    Scenario,
)
from metrics.services.guides import guide_in_use
from pipeline.models import (
    Activity,
    Contact,
    EmailMessage,
    Material,
    Note,
    Product,
    SavedSegment,
    StageTransition,
    StoredAttachment,
    Theme,
    TrackedLink,
)
from tests.metrics.experiments import sample_figures
from tests.personas import NOW, Workspace

PREFIX = "w/<slug:company_slug>/"
MISSING = 999_999_999  # an id that nobody has


def _transition(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        found = StageTransition.objects.filter(deal_id=workspace.deals["open"]).order_by("-number")
        return int(found[0].pk)


def _segment(workspace: Workspace) -> int:
    owner = workspace.members[Role.OWNER]
    values = {"query": "late=1", "shared": True, "created_at": NOW}
    with company_context(workspace.company.pk):
        segment, _new = SavedSegment.objects.get_or_create(
            name=f"{workspace.company.name} late", membership=owner, defaults=values
        )
        return int(segment.pk)


def _note(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        author = workspace.user(Role.REP)
        values = {"written_at": NOW, "author": author}
        body = f"{workspace.company.name} called back"
        found, _new = Note.objects.get_or_create(
            deal_id=workspace.deals["open"], body=body, defaults=values
        )
        return int(found.pk)


def _contact(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        found, _new = Contact.objects.get_or_create(
            customer=workspace.customers["Acme"], name=f"{workspace.company.name} Contact"
        )
        return int(found.pk)


def _email(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "state": EmailMessage.State.MATCHED,
            "activity": _activity(workspace),
            "sender": "someone@example.com",
            "subject": f"{workspace.company.name} offer",
            "sent_at": NOW,
            "received_at": NOW,
        }
        found, _new = EmailMessage.objects.get_or_create(message_id="<1@x>", defaults=values)
        return int(found.pk)


def _attachment(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {"size": 3, "content": b"PDF"}
        email_id = _email(workspace)
        EmailMessage.objects.filter(pk=email_id).update(
            attachments=[{"name": "offer.pdf", "type": "application/pdf", "size": 3}]
        )
        found, _new = StoredAttachment.objects.get_or_create(
            email_id=email_id, number=0, defaults=values
        )
        return int(found.pk)


def _activity(workspace: Workspace) -> Activity:
    values = {"happened_at": NOW, "happened_on": NOW.date(), "recorded_at": NOW}
    found: Activity = Activity.objects.get_or_create(
        deal_id=workspace.deals["open"], kind=Activity.Kind.EMAIL, defaults=values
    )[0]
    return found


def _activity_id(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        return int(_activity(workspace).pk)


def _product(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        name = f"{workspace.company.name} product"
        return int(Product.objects.get_or_create(name=name)[0].pk)


def _invitation(workspace: Workspace) -> int:
    values = {
        "role": Role.REP.value,
        "token_hash": f"hash of {workspace.company.pk}",
        "invited_by": workspace.user(Role.OWNER),
        "created_at": NOW,
        "expires_at": NOW,
    }
    with company_context(workspace.company.pk):
        email = f"{workspace.company.slug}@invited.example"
        invitation, _new = Invitation.objects.get_or_create(email=email, defaults=values)
        return int(invitation.pk)


def _danger_point(workspace: Workspace) -> int:
    values = {"pipeline": workspace.pipeline, "opened_quarter": "2026-Q2", "opened_at": NOW}
    with company_context(workspace.company.pk):
        stage = workspace.stages["Held"]
        found, _new = DangerPoint.objects.get_or_create(stage=stage, defaults=values)
        return int(found.pk)


def _experiment(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "pipeline": workspace.pipeline,
            "measure": "win_rate",
            "state": "running",
            "starts_on": NOW.date(),
            "created_at": NOW,
            "started_at": NOW,
        }
        title = f"{workspace.company.name} shorter offers"
        found, new = Experiment.objects.get_or_create(title=title, defaults=values)
        if new:
            ExperimentResult.objects.create(
                experiment=found,
                day=NOW.date(),
                method=METHOD,
                as_of=NOW,
                computed_at=NOW,
                figures=sample_figures().to_json(),
                digest="d",
            )
        return int(found.pk)


def _waiting_mail(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "sender": "someone@example.com",
            "subject": f"{workspace.company.name} question",
            "sent_at": NOW,
            "received_at": NOW,
        }
        found, _new = EmailMessage.objects.get_or_create(message_id="<2@x>", defaults=values)
        return int(found.pk)


def _scenario(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "pipeline": workspace.pipeline,
            "quarter": "2026-Q1",
            "changes": {"c": "3"},
            "owner": workspace.user(Role.MANAGER),
            "created_at": NOW,
            "changed_at": NOW,
        }
        name = f"{workspace.company.name} shorter cycle"
        found, _new = Scenario.objects.get_or_create(name=name, defaults=values)
        return int(found.pk)


def _recorded_change(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        text = f"{workspace.company.name} raised its prices"
        values = {"happened_on": NOW.date(), "recorded_at": NOW}
        found, _new = RecordedChange.objects.get_or_create(text=text, defaults=values)
        return int(found.pk)


def _finding(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "source": "call_review",
            "pipeline": workspace.pipeline,
            "stage": workspace.stages["Held"],
            "learned_on": NOW.date(),
            "recorded_at": NOW,
            "author": workspace.user(Role.REP),
        }
        statement = f"{workspace.company.name} asks for a price too early"
        found, new = Finding.objects.get_or_create(statement=statement, defaults=values)
        if new:
            FindingDeal.objects.create(finding=found, deal_id=workspace.deals["open"])
        return int(found.pk)


def _theme(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        name = f"{workspace.company.name} theme"
        return int(Theme.objects.get_or_create(name=name)[0].pk)


def _review(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        guide = guide_in_use(by=workspace.actor(Role.MANAGER), now=NOW, kind="call_review")
        values = {"held_on": NOW.date(), "started_at": NOW, "changed_at": NOW}
        found, _new = Review.objects.get_or_create(
            kind="call_review", guide=guide, deal_id=workspace.deals["open"], defaults=values
        )
        return int(found.pk)


def _material(workspace: Workspace) -> Material:
    values = {"created_at": NOW, "address": "https://stories.example/"}
    title = f"{workspace.company.name} case study"
    found: Material = Material.objects.get_or_create(title=title, defaults=values)[0]
    return found


def _material_id(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        return int(_material(workspace).pk)


def _tracked_link(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        values = {
            "deal_id": workspace.deals["open"],
            "address": "https://stories.example/",
            "nonce": b"n" * 32,
            "token_hash": f"hash of {workspace.company.pk}",
            "created_at": NOW,
        }
        material = _material(workspace)
        return int(TrackedLink.objects.get_or_create(material=material, defaults=values)[0].pk)


# What an argument is filled with, by argument or by page and argument. A value that names a row
# is a function of the workspace: the matrix then asks for the neighbour's row too.
Value = str | Callable[[Workspace], int]
ARGUMENTS: dict[str, Value] = {
    "key": "none",
    "pk": "1",
    "token": "none",
    "membership_id": lambda w: w.members[Role.LEADER].pk,
    "invitation_id": _invitation,
    "uidb36": "1",
    "kind": "csv",
    "deal_id": lambda w: w.deals["open"],
    "activity_id": _activity_id,
    "stage_id": lambda w: w.stages["Booked"].pk,
    "transition_id": _transition,
    "segment_id": _segment,
    "catalogue": "products",
    "entry_id": _product,
    "pipeline_id": lambda w: w.pipeline.pk,
    "currency": "USD",
    "month": "2026-03",
    "pipeline:settings_rep_hand_over entry_id": lambda w: w.reps["Ada"].pk,
    "note_id": _note,
    "email_id": _email,
    "attachment_id": _attachment,
    "mail_id": _waiting_mail,
    "customer_id": lambda w: w.customers["Acme"].pk,
    "contact_id": _contact,
    "field": "amount",
    "danger_point_id": _danger_point,
    "experiment_id": _experiment,
    "material_id": _material_id,
    "link_id": _tracked_link,
    "scenario_id": _scenario,
    "change_id": _recorded_change,
    "finding_id": _finding,
    "theme_id": _theme,
    "review_id": _review,
    "metrics:guide kind": "call_review",
    "metrics:guide_blank kind": "call_review",
    "metrics:guide_edit kind": "call_review",
    "label": "2026-Q1",
    "metrics:quarter_review_file kind": "pdf",
    "metrics:velocity_chart name": "trend",
    "metrics:what_if_chart name": "result",
    "metrics:funnel_chart name": "funnel",
    "metrics:experiment_chart name": "time",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One URL pattern. `name` is what reverse() takes."""

    route: str
    name: str
    arguments: tuple[str, ...]
    view: Any

    @property
    def of_a_company(self) -> bool:
        return self.route.startswith(PREFIX)

    @property
    def permission(self) -> str | None:
        return getattr(self.view, "permission", None)


def pages(urlconf: str | None = None) -> list[Page]:
    """Every page of the product, in the order of the URL tree."""
    return list(_walk(get_resolver(urlconf), "", (), frozenset()))


def _walk(resolver: URLResolver, route: str, spaces: tuple[str, ...], above: frozenset[str]) -> Any:
    for entry in resolver.url_patterns:
        here = route + str(entry.pattern)
        arguments = (above | entry.pattern.regex.groupindex.keys()) - {"company_slug"}
        if isinstance(entry, URLPattern):
            yield Page(
                route=here,
                name=":".join([*spaces, entry.name or ""]),
                arguments=tuple(sorted(arguments)),
                view=entry.callback,
            )
        else:
            space = (entry.namespace,) if entry.namespace else ()
            yield from _walk(entry, here, (*spaces, *space), arguments)


def value_of(page: Page, argument: str) -> Value:
    """What to ask for; KeyError when nobody has said."""
    specific = f"{page.name} {argument}"
    return ARGUMENTS[specific] if specific in ARGUMENTS else ARGUMENTS[argument]


def unknown_arguments(found: list[Page]) -> list[str]:
    """Arguments that the matrix cannot fill."""
    said = []
    for page in found:
        for argument in page.arguments:
            try:
                value_of(page, argument)
            except KeyError:
                said.append(f"{page.name} takes {argument}: say in ARGUMENTS what to ask for.")
    return said


def stale_arguments(found: list[Page]) -> list[str]:
    """Entries of ARGUMENTS that no page takes any more."""
    taken = {f"{p.name} {a}" for p in found for a in p.arguments}
    taken |= {a for p in found for a in p.arguments}
    return [f"{entry} is taken by no page." for entry in ARGUMENTS if entry not in taken]


def address(page: Page, *, slug: str, rows_of: Workspace | None) -> str:
    """The page's address in a company; rows are those of `rows_of`, or missing ones."""
    kwargs: dict[str, Any] = {"company_slug": slug} if page.of_a_company else {}
    for argument in page.arguments:
        value = value_of(page, argument)
        if callable(value):
            kwargs[argument] = MISSING if rows_of is None else value(rows_of)
        else:
            kwargs[argument] = value
    return reverse(page.name, kwargs=kwargs)


def names_rows(page: Page) -> bool:
    """Does the address name a row of the company?"""
    return any(callable(value_of(page, argument)) for argument in page.arguments)
