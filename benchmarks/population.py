"""A million members in a minute: sample members copied by the database itself. PostgreSQL only; for benchmarks."""

from typing import Any

# Copies of the first sample members, one after another, so that every audience stays as large as the others.
USERS = """
    INSERT INTO membership_user ({users})
    SELECT {copied_users} FROM generate_series(%s, %s) AS n
    JOIN sample ON sample.place = n %% %s JOIN membership_user t ON t.id = sample.user_id
"""
MEMBERS = """
    INSERT INTO membership_member ({members})
    SELECT {copied_members} FROM membership_user u
    JOIN sample ON sample.place = substr(u.email, 7, 7)::int %% %s JOIN membership_member t ON t.id = sample.member_id
    LEFT JOIN membership_member known ON known.user_id = u.id
    WHERE u.email ~ '^member[0-9]{{7}}@' AND known.id IS NULL
"""
SUBSCRIPTIONS = """
    INSERT INTO membership_subscription ({subscriptions})
    SELECT {copied_subscriptions} FROM membership_user u JOIN membership_member m ON m.user_id = u.id
    JOIN sample ON sample.place = substr(u.email, 7, 7)::int %% %s
    JOIN membership_subscription t ON t.member_id = sample.member_id
    LEFT JOIN membership_subscription known ON known.member_id = m.id
    WHERE u.email ~ '^member[0-9]{{7}}@' AND known.id IS NULL
"""


def populate(members: int, *, audiences: int) -> None:
    """See to it that there are so many active sample members, dealt evenly to so many audiences."""
    from django.db import connection, transaction

    from membership.models import Member, Subscription, User
    from membership.sample_members import make_members

    make_members(audiences, audiences=audiences)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE sample ON COMMIT DROP AS SELECT (row_number() OVER (ORDER BY m.id) - 1)::int AS place,"
            " m.id AS member_id, m.user_id FROM membership_member m ORDER BY m.id LIMIT %s",
            [audiences],
        )
        email = "'member' || lpad(n::text, 7, '0') || '@example.org'"
        users = _copied(User, {"email": email, "address_hash": "md5(n::text) || md5('b' || n::text)"})
        known = Member.objects.count()
        cursor.execute(USERS.format(users=users[0], copied_users=users[1]), [known + 1, members, audiences])
        copied = _copied(Member, {"user_id": "u.id"})
        cursor.execute(MEMBERS.format(members=copied[0], copied_members=copied[1]), [audiences])
        copied = _copied(Subscription, {"member_id": "m.id"})
        cursor.execute(SUBSCRIPTIONS.format(subscriptions=copied[0], copied_subscriptions=copied[1]), [audiences])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _copied(model: Any, changed: dict[str, str]) -> tuple[str, str]:
    """The columns of a model but its id, and an expression for each: the template's value unless it is changed."""
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    return ", ".join(columns), ", ".join(changed.get(column, f"t.{column}") for column in columns)
