"""A manager signs a final quarter, a second person countersigns, a restatement shows on it."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import SignOff, Snapshot
from metrics.selectors.sign_offs import named_rows, seal_of, sign_offs_of
from metrics.services.recompute import recompute_all
from metrics.services.sign_offs import countersign, sign_quarter
from pipeline.models import DirtyQuarter
from pipeline.services.deals import change_deal
from pipeline.services.history import NotFound, StaleVersion
from tests.personas import NOW, OPERATOR, World, client_of, make_user

Q1, Q2 = date(2026, 1, 1), date(2026, 4, 1)
CARD = "/w/alpha/quarters/2026-Q1/sign-off/"
SIGN = "/w/alpha/quarters/2026-Q1/sign/"
COUNTERSIGN = "/w/alpha/quarters/2026-Q1/countersign/"
LATER = NOW + timedelta(hours=1)


def signs(world: World, role: Role = Role.MANAGER, *, start: date = Q1, **more: object) -> SignOff:
    a = world.a
    with company_context(a.company.pk), transaction.atomic():
        return sign_quarter(
            by=a.actor(role), now=NOW, pipeline_id=a.pipeline.pk, quarter_start=start, **more
        )


def seconds(world: World, signed: SignOff, role: Role = Role.OWNER, **more: object) -> SignOff:
    with company_context(world.a.company.pk), transaction.atomic():
        return countersign(by=world.a.actor(role), now=NOW, sign_off_id=signed.pk, **more)


def restate(world: World, amount: int = 9999) -> None:
    a = world.a
    with company_context(a.company.pk):
        change_deal(by=OPERATOR, deal_id=a.deals["lost early"], now=LATER, amount=Decimal(amount))
    recompute_all(company_id=a.company.pk, now=LATER)


def in_alpha(world: World, ask: Callable[[], object]) -> object:
    with company_context(world.a.company.pk), transaction.atomic():
        return ask()


def test_a_signature_names_every_segment_and_keeps_the_hash_of_its_figures(
    computed: World,
) -> None:
    signed = signs(computed, comment=" As agreed. ")
    assert signed.comment == "As agreed."
    with company_context(computed.a.company.pk), transaction.atomic():
        rows = Snapshot.objects.filter(quarter_start=Q1, status="final")
        assert signed.versions == dict(rows.values_list("segment", "version"))
        assert len(signed.versions) > 10
        assert len(signed.digest) == 64
        named = named_rows(company=computed.a.company, sign_off=signed)
        assert seal_of("2026-Q1", named) == signed.digest
        # One digit of one segment makes another hash.
        named[3].figures = {**named[3].figures, "won": named[3].figures["won"] + 1}
        assert seal_of("2026-Q1", named) != signed.digest
        entry = AuditEntry.objects.get(action="quarter.signed")
        assert (entry.object_id, entry.after["digest"]) == (signed.pk, signed.digest)


def test_a_neighbour_who_is_being_computed_keeps_nobody_from_signing(computed: World) -> None:
    neighbour = computed.b.company.pk
    assert neighbour != computed.a.company.pk
    DirtyQuarter.objects.update_or_create(
        company_id=neighbour, quarter_start=Q1, defaults={"gen": 7, "done_gen": 3}
    )
    signed = signs(computed)
    assert seconds(computed, signed).countersigns_id == signed.pk


def test_signing_twice_is_signing_once_and_another_person_is_sent_to_countersign(
    computed: World,
) -> None:
    first = signs(computed)
    assert signs(computed).pk == first.pk
    with pytest.raises(DomainError, match="Manager has signed"):
        signs(computed, Role.OWNER)
    assert in_alpha(computed, SignOff.objects.count) == 1


def test_only_managers_sign_and_only_what_is_final(computed: World) -> None:
    for role in (Role.REP, Role.LEADER):
        with pytest.raises(NotAllowed):
            signs(computed, role)
    with pytest.raises(NotAllowed):  # nobody in particular stands behind nothing
        in_alpha(
            computed,
            lambda: sign_quarter(
                by=OPERATOR, now=NOW, pipeline_id=computed.a.pipeline.pk, quarter_start=Q1
            ),
        )
    with pytest.raises(DomainError, match="not final yet"):
        signs(computed, start=Q2)
    with pytest.raises(NotFound):
        signs(computed, start=date(2020, 1, 1))
    with pytest.raises(DomainError, match="1,000 characters"):
        signs(computed, comment="x" * 1001)
    assert in_alpha(computed, SignOff.objects.count) == 0


def test_nobody_signs_what_they_have_not_seen(computed: World) -> None:
    restate(computed)
    with pytest.raises(StaleVersion, match="restated while you were looking"):
        signs(computed, seen=1)
    assert max(signs(computed, seen=2).versions.values()) == 2


def test_nobody_signs_while_a_recorded_fact_waits_to_be_counted(computed: World) -> None:
    with company_context(computed.a.company.pk):
        change_deal(
            by=OPERATOR, deal_id=computed.a.deals["lost early"], now=LATER, amount=Decimal(5)
        )
    with pytest.raises(StaleVersion, match="being computed again"):
        signs(computed)


def test_a_second_person_countersigns_and_never_the_first(computed: World) -> None:
    signed = signs(computed)
    with pytest.raises(DomainError, match="second person"):
        seconds(computed, signed, Role.MANAGER)
    second = seconds(computed, signed, comment="Seen.")
    assert (second.countersigns_id, second.digest) == (signed.pk, signed.digest)
    assert seconds(computed, signed).pk == second.pk
    with company_context(computed.a.company.pk), transaction.atomic():
        found = sign_offs_of(company=computed.a.company, pipeline_id=computed.a.pipeline.pk)
    (one,) = found[Q1]
    assert (one.by, one.countersigned_by) == ("Manager", "Owner")
    assert (one.countersigned_comment, one.version, one.restated) == ("Seen.", 1, ())


def test_a_third_person_is_told_who_countersigned(computed: World) -> None:
    from accounts.actors import Actor

    signed = signs(computed)
    seconds(computed, signed)
    third = make_user("third@alpha.example")
    with pytest.raises(DomainError, match="Owner has countersigned"):
        in_alpha(
            computed,
            lambda: countersign(
                by=Actor(third.pk, third.email, Role.MANAGER), now=NOW, sign_off_id=signed.pk
            ),
        )


def test_a_restatement_after_the_signature_shows_on_it_and_the_signed_rows_stay(
    computed: World,
) -> None:
    signed = signs(computed)
    restate(computed)
    a = computed.a
    with company_context(a.company.pk), transaction.atomic():
        (one,) = sign_offs_of(company=a.company, pipeline_id=a.pipeline.pk)[Q1]
        assert [(r.version, r.segments > 0) for r in one.restated] == [(2, True)]
        assert one.version == 1
        named = named_rows(company=a.company, sign_off=signed)
        assert seal_of("2026-Q1", named) == signed.digest
    with pytest.raises(DomainError, match="restated after it was signed"):
        seconds(computed, signed)
    again = signs(computed)
    assert again.pk != signed.pk
    with company_context(a.company.pk), transaction.atomic():
        both = sign_offs_of(company=a.company, pipeline_id=a.pipeline.pk)[Q1]
    assert [(s.version, len(s.restated)) for s in both] == [(2, 0), (1, 1)]


def test_a_signature_cannot_be_changed_or_deleted_by_the_runtime_role(computed: World) -> None:
    signed = signs(computed)
    for statement in (
        "UPDATE metrics_signoff SET comment = 'x' WHERE id = %s",
        "DELETE FROM metrics_signoff WHERE id = %s",
    ):
        with (
            company_context(computed.a.company.pk),
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [signed.pk])


# The page ----------------------------------------------------------------------------------------


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


HTMX = {"HTTP_HX_REQUEST": "true"}


def test_the_card_signs_and_shows_who_did(manager: Client, computed: World) -> None:
    page = manager.get(CARD)
    assert page.status_code == 200
    assert page.context["card"].form.initial == {"seen": 1}
    done = manager.post(SIGN, {"seen": "1", "comment": "As agreed"})
    assert (done.status_code, done["Location"]) == (303, "/w/alpha/quarters/2026-Q1/#signed")
    text = manager.get(CARD).content.decode()
    assert "Signed by Manager on" in text
    assert "As agreed" in text
    assert "A second person can countersign it." in text
    assert "<form class" not in text.split('id="sign-off"')[1]


def test_with_htmx_only_the_card_comes_back(manager: Client) -> None:
    card = manager.get(CARD, **HTMX).content.decode()
    assert card.lstrip().startswith("<section")
    assert 'hx-post="/w/alpha/quarters/2026-Q1/sign/"' in card
    done = manager.post(SIGN, {"seen": "1", "comment": ""}, **HTMX)
    assert done.status_code == 200
    assert "Signed by Manager on" in done.content.decode()
    assert '"Signed"' in done["HX-Trigger"]


def test_a_second_person_finds_the_form_to_countersign(manager: Client, computed: World) -> None:
    manager.post(SIGN, {"seen": "1", "comment": ""})
    owner = client_of(computed.a.user(Role.OWNER))
    card = owner.get(CARD).context["card"]
    assert card.countersigns
    given = {"sign_off": str(card.form.initial["sign_off"]), "comment": "Seen"}
    assert owner.post(COUNTERSIGN, given).status_code == 303
    text = owner.get(CARD).content.decode()
    assert "Countersigned by Owner on" in text


def test_a_restated_signature_links_the_signed_version(manager: Client, computed: World) -> None:
    manager.post(SIGN, {"seen": "1", "comment": ""})
    restate(computed)
    text = manager.get(CARD).content.decode()
    assert "Restated 1 time since it was signed." in text
    assert 'href="/w/alpha/quarters/2026-Q1/?v=1"' in text
    assert 'href="/w/alpha/quarters/2026-Q1/?v=2"' in text
    assert "Sign the quarter" in text  # the new version
    assert manager.get("/w/alpha/quarters/2026-Q1/?v=1").status_code == 200


def test_a_form_of_an_older_screen_is_refused_in_words_and_keeps_the_comment(
    manager: Client, computed: World
) -> None:
    restate(computed)
    response = manager.post(SIGN, {"seen": "1", "comment": "As agreed"}, **HTMX)
    assert response.status_code == 409
    text = response.content.decode()
    assert "restated while you were looking" in text
    assert "As agreed" in text
    assert 'name="seen" value="2"' in text
    assert manager.post(SIGN, {"seen": "soon"}).status_code == 422


def test_a_quarter_that_runs_cannot_be_signed(manager: Client) -> None:
    page = manager.get("/w/alpha/quarters/2026-Q2/sign-off/")
    assert "A quarter can be signed once it is final." in page.content.decode()
    refused = manager.post("/w/alpha/quarters/2026-Q2/sign/", {"seen": "0", "comment": ""})
    assert refused.status_code == 422
    assert "not final yet" in refused.content.decode()


def test_a_leader_and_a_rep_read_and_do_not_sign(manager: Client, computed: World) -> None:
    manager.post(SIGN, {"seen": "1", "comment": ""})
    for role in (Role.LEADER, Role.REP):
        client = client_of(computed.a.user(role))
        card = client.get(CARD).context["card"]
        assert card.form is None
        assert len(card.signatures) == 1
        assert client.post(SIGN, {"seen": "1"}).status_code == 403
        assert client.post(COUNTERSIGN, {"sign_off": "1"}).status_code == 403


def test_a_signature_of_another_company_is_no_signature_here(
    manager: Client, computed: World
) -> None:
    b = computed.b
    with company_context(b.company.pk), transaction.atomic():
        foreign = sign_quarter(
            by=b.actor(Role.OWNER), now=NOW, pipeline_id=b.pipeline.pk, quarter_start=Q1
        )
    response = manager.post(COUNTERSIGN, {"sign_off": str(foreign.pk), "comment": ""})
    assert response.status_code == 404
