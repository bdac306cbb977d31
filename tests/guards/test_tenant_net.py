"""Wall 2: without a company nothing answers, and nothing is written for another company.

By introspection over every public method of managers and query sets, so that a method which a
later Django adds is either refused too or fails here.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import models, transaction

from accounts.models import Company, User
from accounts.tenancy.context import NoCompany, WrongCompany, company_context
from accounts.tenancy.models import TenantManager, TenantModel, TenantQuerySet
from pipeline.models import Customer, Deal, Rep, StoredAttachment, Team
from tests.personas import World
from tests.specimens import make_specimens, tenant_models

MODELS = tenant_models()

# What a method is called with. A method that needs arguments and stands not here fails.
ARGUMENTS: dict[str, Callable[[type[TenantModel]], tuple[Any, ...]]] = {
    "aggregate": lambda m: (models.Count("pk"),),
    "alias": lambda m: (),
    "bulk_create": lambda m: ([],),
    "bulk_update": lambda m: ([], ["company"]),
    "complex_filter": lambda m: ({},),
    "contains": lambda m: (m(pk=1),),
    "dates": lambda m: (_field(m, models.DateField), "day"),
    "datetimes": lambda m: (_field(m, models.DateTimeField), "day"),
    "difference": lambda m: (m._base_manager.all(),),
    "in_bulk": lambda m: (),
    "intersection": lambda m: (m._base_manager.all(),),
    "prefetch_related": lambda m: (None,),
    "raw": lambda m: (f"SELECT * FROM {m._meta.db_table}",),
    "select_related": lambda m: (None,),
    "union": lambda m: (m._base_manager.all(),),
    "using": lambda m: ("default",),
}
# These belong to the manager or the class, not to rows.
ABOUT_THE_MANAGER = {
    "as_manager",
    "check",
    "contribute_to_class",
    "db_manager",
    "deconstruct",
    "from_queryset",
}
DUNDERS = ["__iter__", "__len__", "__bool__", "__repr__", "__getitem__", "__and__", "__or__"]


def _field(model: type[models.Model], kind: type[models.Field]) -> str:
    return next((f.name for f in model._meta.concrete_fields if type(f) is kind), "pk")


def public_methods(owner: type) -> list[str]:
    return sorted(
        name
        for name in dir(owner)
        if not name.startswith("_")
        and name not in ABOUT_THE_MANAGER
        and callable(inspect.getattr_static(owner, name))
    )


def call(target: Any, name: str, model: type[TenantModel]) -> Any:
    """Call the method and bring whatever it promises to an end."""
    arguments = ARGUMENTS.get(name, ARGUMENTS.get(name.removeprefix("a"), lambda m: ()))
    result = getattr(target, name)(*arguments(model))
    if inspect.isawaitable(result):
        result = finish(result)
    if inspect.isasyncgen(result):
        result = finish(anext(result))
    if inspect.isgenerator(result):
        result = list(result)
    return result


@async_to_sync  # in this thread and on its connection
async def finish(awaitable: Any) -> Any:
    return await awaitable


def answers(target: Any, names: list[str], model: type[TenantModel]) -> list[str]:
    """The methods that do anything but raise NoCompany."""
    said = []
    for name in names:
        try:
            call(target, name, model)
        except NoCompany:
            continue
        except Exception as error:
            said.append(f"{model.__name__}.{name}: {error!r}")
        else:
            said.append(f"{model.__name__}.{name} answers")
    return said


def outlived(model: type[TenantModel]) -> TenantQuerySet:
    """A query set that was made in a company and is used outside."""
    with company_context(1):
        return model.objects.all()


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_no_manager_method_answers_without_a_company(model: type[TenantModel]) -> None:
    names = public_methods(TenantManager)
    assert {"all", "create", "raw", "exists", "explain", "aget", "none"} <= set(names)
    assert answers(model.objects, names, model) == []
    assert answers(model._default_manager, names, model) == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_no_query_set_method_answers_without_a_company(model: type[TenantModel]) -> None:
    names = public_methods(TenantQuerySet)
    assert {"delete", "bulk_create", "iterator", "aiterator", "aexists"} <= set(names)
    assert answers(outlived(model), names, model) == []
    for name in DUNDERS:
        arguments = {"__getitem__": (0,)}.get(name, (outlived(model),) if name in _TWO else ())
        with pytest.raises(NoCompany):
            _dunder(outlived(model), name, arguments)


_TWO = {"__and__", "__or__"}


def _dunder(target: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    result = getattr(target, name)(*arguments)
    return list(result) if name == "__iter__" else result


@pytest.mark.django_db
def test_the_guard_sees_a_method_that_answers() -> None:
    """Django's own manager and query set answer nearly everything."""
    said = answers(Deal._base_manager, ["exists", "count", "explain", "none", "create"], Deal)
    assert len(said) == 4  # create() is refused by the model itself
    with company_context(1):
        plain = models.QuerySet(Deal).filter(company_id=1)
    assert len(answers(plain, ["exists", "first", "aexists", "iterator"], Deal)) == 4


@pytest.mark.django_db
def test_a_query_set_of_one_company_does_not_answer_in_another() -> None:
    stale = outlived(Deal)
    with company_context(2):
        for use in (stale.exists, stale.count, stale.all, lambda: list(stale)):
            with pytest.raises(WrongCompany):
                use()


def test_related_managers_are_tenant_managers(quiet_world: World) -> None:
    with company_context(quiet_world.a.company.pk):
        team = Team.objects.first()
        rows = make_specimens(company=quiet_world.a.company, user=quiet_world.removed)
    tried = 0
    for row in [team, *rows.values()]:
        for relation in row._meta.related_objects:
            name = relation.get_accessor_name()
            if name is None or not relation.one_to_many:
                continue
            tried += 1
            with pytest.raises(NoCompany):
                getattr(row, name).exists()
    assert tried >= 10
    with pytest.raises(NoCompany):
        Deal.objects.prefetch_related("transitions")


def writers(model: type[Team], mine: Team, b: Any) -> dict[str, Callable[[], Any]]:
    """Every way to write a row of company B while A is active. `b` is the company."""
    name = "smuggled"
    theirs = model(name=name, company=b)

    def by_save() -> None:
        mine.company = b
        mine.save()

    def by_bulk_update() -> None:
        mine.company = b
        model.objects.bulk_update([mine], ["company"])

    return {
        "create": lambda: model.objects.create(name=name, company=b),
        "acreate": lambda: finish(model.objects.acreate(name=name, company=b)),
        "create by id": lambda: model.objects.create(name=name, company_id=b.pk),
        "get_or_create": lambda: model.objects.get_or_create(name=name, company=b),
        "update_or_create": lambda: model.objects.update_or_create(
            name=name, defaults={"company": b}
        ),
        "update_or_create mine": lambda: model.objects.update_or_create(
            name=mine.name, defaults={"company": b}
        ),
        "bulk_create": lambda: model.objects.bulk_create([theirs]),
        "bulk_create a generator": lambda: model.objects.bulk_create(x for x in [theirs]),
        "save": lambda: theirs.save(),
        "save moved": by_save,
        "bulk_update": by_bulk_update,
        "update": lambda: model.objects.update(company=b),
        "update by id": lambda: model.objects.filter(pk=mine.pk).update(company_id=b.pk),
        "base manager create": lambda: model._base_manager.create(name=name, company=b),
        "delete": lambda: model(pk=1, name=name, company=b).delete(),
    }


WAYS = list(writers(Team, Team(), Company()))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_written_for_another_company(way: str, quiet_world: World) -> None:
    a, b = quiet_world.a.company, quiet_world.b.company
    with company_context(a.pk):
        mine = Team.objects.get()
        with pytest.raises(WrongCompany), transaction.atomic():
            writers(Team, mine, b)[way]()
        assert Team.objects.get().company_id == a.pk
    with company_context(b.pk):
        assert not Team.objects.filter(name="smuggled").exists()
        assert Team.objects.count() == 1


# Wall 2 alone: as the owner role, which row security does not bind, the manager still filters. ---


@pytest.fixture
def owners_pair() -> Iterator[tuple[Company, Company]]:
    """A row of every model in two companies, in the owner's transaction."""
    with transaction.atomic(using="owner"):
        user = User(email="someone@example.com")
        user.save(using="owner")
        pair = []
        for slug in ("a", "b"):
            company = Company(slug=slug, name=slug)
            company.save(using="owner")
            make_specimens(company=company, user=user, using="owner")
            pair.append(company)
        yield pair[0], pair[1]
        transaction.set_rollback(True, using="owner")


@pytest.mark.django_db(databases=["default", "owner"])
def test_with_row_security_off_the_manager_alone_filters(
    owners_pair: tuple[Company, Company],
) -> None:
    a, b = owners_pair
    for model in MODELS:
        assert model._base_manager.using("owner").count() == 2, "row security is not off"
        for company, other in ((a, b), (b, a)):
            with company_context(company.pk):
                rows = model.objects.using("owner")
                assert [r.company_id for r in rows] == [company.pk], model
                assert rows.count() == 1
                assert rows.exists()
                assert not rows.filter(company_id=other.pk).exists()
                assert rows.exclude(pk=0).values_list("company_id", flat=True)[0] == company.pk
                assert list(rows.values_list("company_id").distinct()) == [(company.pk,)]
                assert rows.union(rows).count() == 1
                assert rows.aggregate(n=models.Count("pk")) == {"n": 1}


@pytest.mark.django_db(databases=["default", "owner"])
def test_with_row_security_off_the_manager_alone_writes_one_company(
    owners_pair: tuple[Company, Company],
) -> None:
    a, b = owners_pair
    with company_context(a.pk):
        assert Deal.objects.using("owner").update(name="changed") == 1
        assert StoredAttachment.objects.using("owner").delete()[0] == 1
    assert set(Deal._base_manager.using("owner").values_list("company_id", "name")) > {
        (a.pk, "changed")
    }
    assert Deal._base_manager.using("owner").filter(name="changed").count() == 1
    assert [m.company_id for m in StoredAttachment._base_manager.using("owner")] == [b.pk]


def test_a_row_without_a_company_gets_the_active_one(quiet_world: World) -> None:
    with company_context(quiet_world.a.company.pk):
        assert Team.objects.create(name="x").company_id == quiet_world.a.company.pk
        (made,) = Team.objects.bulk_create([Team(name="y")])
        assert made.company_id == quiet_world.a.company.pk


@pytest.mark.parametrize("way", ["create", "get_or_create", "add", "set", "update_or_create"])
def test_related_managers_write_for_no_other_company(way: str, quiet_world: World) -> None:
    a, b = quiet_world.a, quiet_world.b
    with company_context(b.company.pk):
        theirs = Rep.objects.get(pk=b.reps["Ben"].pk)
    with company_context(a.company.pk):
        team = Team.objects.get()
        ways: dict[str, Callable[[], Any]] = {
            "create": lambda: team.reps.create(name="x", company=b.company),
            "get_or_create": lambda: team.reps.get_or_create(name="x", company=b.company),
            "update_or_create": lambda: team.reps.update_or_create(
                name="Ada", defaults={"company": b.company}
            ),
            "add": lambda: team.reps.add(theirs),
            "set": lambda: team.reps.set([theirs]),
        }
        try:
            ways[way]()
        except WrongCompany:
            assert way in {"create", "get_or_create", "update_or_create"}
        # add() and set() update past the manager: wall 4 lets them touch no row.
    with company_context(b.company.pk):
        theirs.refresh_from_db()
        assert theirs.team_id == b.reps["Ben"].team_id
        assert Rep.objects.count() == 2


def test_what_is_there_is_the_companys_own(quiet_world: World) -> None:
    with company_context(quiet_world.a.company.pk):
        assert {c.name for c in Customer.objects.all()} == {"Acme"}
        assert not Customer.objects.filter(pk=quiet_world.b.customers["Acme"].pk).exists()
