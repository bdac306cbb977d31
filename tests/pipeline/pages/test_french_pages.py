"""The pages in French: the words of the trade, and no English sentence left behind."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.test import Client
from django.utils import translation

from accounts.errors import DomainError
from accounts.roles import Role
from pipeline import rules
from pipeline.services.refusals import both_values, refuse
from tests.personas import NOW, World
from tests.pipeline.pages.deal_pages import HX, client, url

pytestmark = pytest.mark.usefixtures("clock_stands")

PO = Path(__file__).parents[3] / "locale" / "fr" / "LC_MESSAGES" / "django.po"
# The path under /w/alpha/ (or from the root), and words that stand on the page in French.
PAGES = (
    ("deals/", ("Affaires", "Tableau", "Valeur ouverte", "Nouvelle affaire")),
    ("deals/list/", ("Étape", "Prochaine action", "Toutes", "Gagnées")),
    ("deals/new/", ("Client", "Montant", "Ouvrir l’affaire")),
    ("my-day/", ("Ma journée",)),
    ("quick/", ("Noter ce qui s’est dit", "Appel", "Rendez-vous", "Quelle affaire ?")),
    ("search/?q=acme", ("Affaires", "Clients", "Recherche")),
    ("mail/", ("Messages en attente",)),
    ("velocity/", ("Vélocité",)),
    ("funnel/", ("Entonnoir",)),
    ("settings/", ("Réglages", "Membres", "Pipelines et étapes", "Taux de change")),
    ("settings/company/", ("Fuseau horaire", "affaires ouvertes un jour moyen")),
    ("settings/members/", ("Second facteur", "Propriétaire", "Inviter quelqu’un")),
    ("settings/audit/", ("Journal d’audit",)),
    ("settings/pipelines/", ("Ajouter un pipeline",)),
    ("settings/rates/", ("Taux de change",)),
    ("settings/mail/", ("L’adresse à mettre en copie",)),
    ("settings/reps/", ("Commerciaux", "Ajouter un commercial")),
    ("settings/sources/", ("D’où viennent les affaires", "Entrant")),
    ("settings/lost-reasons/", ("Raisons de perte", "Ajouter une raison")),
    ("/account/", ("Votre compte", "Raccourcis clavier d’une lettre")),
    ("/account/sign-ins/", ("Où vous êtes connecté",)),
)


def in_french(reader: Client) -> Client:
    """The same browser after its reader chose French."""
    reader.post("/appearance/", {"locale": "fr"})
    return reader


def english() -> list[str]:
    """The sentences that French says otherwise: three words or more, without holes."""
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="fr")
    ids = [m.id for m in catalogue if isinstance(m.id, str) and m.id and m.id != m.string]
    return [i for i in ids if i.count(" ") >= 2 and not re.search(r"[{%<\n]", i)]


def text_of(answer: object) -> str:
    body = unescape(answer.content.decode())  # type: ignore[attr-defined]
    return body.replace("\N{NO-BREAK SPACE}", " ")


def test_every_page_speaks_french(world: World) -> None:
    owner = in_french(client(world.a, Role.OWNER))
    left = english()
    assert len(left) > 300
    pages = [*PAGES, (url(world.a.deals["open"]), ("Ce qui s’est passé", "Commercial", "Faits"))]
    for path, words in pages:
        answer = owner.get(path if path.startswith("/") else f"/w/alpha/{path}")
        text = text_of(answer)
        assert answer.status_code == 200, path
        assert '<html lang="fr"' in text, path
        for word in words:
            assert word in text, (path, word)
        found = [sentence for sentence in left if re.search(rf"(?<!\w){re.escape(sentence)}", text)]
        assert found == [], path


def test_a_won_deal_is_one_and_the_column_of_them_are_many(world: World) -> None:
    manager = in_french(client(world.a))
    page = text_of(manager.get(url(world.a.deals["won late"])))
    assert "Gagnée" in page
    assert "Gagnées" not in page
    assert "Gagnées" in text_of(manager.get("/w/alpha/deals/list/"))


def test_a_refusal_is_french_on_the_page(world: World) -> None:
    manager = in_french(client(world.a))
    answer = manager.post(url(world.a.deals["open"], "notes/"), {"body": " "}, headers=HX)
    assert answer.status_code == 422
    assert "Écrivez d’abord quelque chose." in text_of(answer)


def entry(**changes: object) -> rules.Entry:
    given: dict[str, object] = {
        "from_name": "Call",
        "to_name": "Demo",
        "same_pipeline": True,
        "occurred_at": NOW - timedelta(days=1),
        "occurred_on": (NOW - timedelta(days=1)).date(),
        "now": NOW,
        "opened_at": None,
        "manages": True,
        "final_before": None,
    }
    return rules.Entry(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "english", "french"),
    [
        ({"to_name": "Call"}, "in Call already", "déjà à l’étape Call"),
        ({"to_name": "{x}", "retired": True}, "{x} is retired", "{x} n’est plus en usage"),
        (
            {"opened_at": datetime(2030, 2, 4, 12, tzinfo=UTC)},
            "opened on 4 February 2030, after",
            "ouverte le 4 février 2030, après",
        ),
    ],
)
def test_the_rules_refuse_in_the_readers_language(
    changes: dict[str, object], english: str, french: str
) -> None:
    refused = rules.check(entry(**changes), rules.MOVE)
    assert refused is not None
    assert english in refused.sentence
    for language, said in (("en", english), ("fr", french)):
        with translation.override(language), pytest.raises(DomainError) as refusal:
            refuse(refused)
        assert said in refusal.value.sentence
    refuse(None)


def test_both_values_of_a_conflict_are_told() -> None:
    facts = [("montant", "200", "300"), ("client", "Ada", "")]
    with translation.override("fr"):
        said = both_values(facts).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "montant : maintenant 200, vous avez écrit 300;"
        " client : maintenant Ada, vous avez écrit vide"
    )
    assert both_values([]) == ""
