"""How names are looked for: without accents and case, and in large companies by an index.

Text operators are not leakproof: under row security no index on text runs ahead of the policy,
so every row of the company is looked at. One function with the owner's rights, which row
security does not bind, may use the index. It answers for the active company only, and with ids
only: the rows behind them are then read under row security like any others.
"""

from accounts.tenancy.models import OwnersFunction


def folded_sql(column: str) -> str:
    """SQL for a text column without accents and in small letters; ASCII takes the short way.

    The index deal_by_folded_name is made of the very same expression.
    """
    return (
        f"(CASE WHEN octet_length({column}) = char_length({column}) THEN lower({column}) ELSE"
        f" lower(regexp_replace(normalize({column}, NFKD), '[\\u0300-\\u036f]+', '', 'g')) END)"
    )


_NAME = folded_sql("name")
DEALS_THAT_BEGIN = OwnersFunction(
    "app_deals_that_begin",
    (("wanted", "bigint"), ("beginning", "text"), ("most", "integer")),
    "SETOF bigint",
    "SELECT id FROM pipeline_deal"  # noqa: S608  no value of anybody's is in it
    " WHERE company_id = wanted"
    " AND wanted = NULLIF(current_setting('app.company_id', true), '')::bigint"
    f" AND {_NAME} ~>=~ beginning AND {_NAME} ~<~ (beginning || chr(1114111))"
    # In the order of the index: no other plan is cheaper, whatever the planner guesses.
    f" ORDER BY {_NAME} USING ~<~ LIMIT least(most, 1000)",
)
