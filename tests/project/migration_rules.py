"""What a migration after the first ones may not do: it runs while old code still does (docs/upgrading.md)."""

from collections.abc import Iterator
from typing import Any

from django.db import migrations, models

from cms.online import AddIndexOnline, RemoveIndexOnline

# They made the tables, when there was nobody to wait for a lock. Folded until 1.0, and closed from then on.
FIRST = {
    ("cms", "0001_initial"),
    ("cms", "0002_search"),
    ("membership", "0001_initial"),
    ("membership", "0002_members"),
    ("membership", "0003_consent_append_only"),
    ("newsletter", "0001_initial"),
}


def broken(migration: migrations.Migration) -> Iterator[str]:
    """Yield a sentence for each rule that a migration breaks. Tables that it makes itself are its own."""
    own = {one.name_lower for one in migration.operations if isinstance(one, migrations.CreateModel)}
    online = [one for one in migration.operations if isinstance(one, (AddIndexOnline, RemoveIndexOnline))]
    if online and (migration.atomic or len(migration.operations) > 1):
        yield "An index that is built online stands alone in a migration with atomic = False."
    for one in migration.operations:
        if not one.reversible:
            yield f"{_name(one)} cannot be taken back: give it a reverse."
        if getattr(one, "model_name_lower", "") not in own:
            yield from _on_a_table_in_use(one)


def _on_a_table_in_use(one: Any) -> Iterator[str]:
    if type(one) in {migrations.AddIndex, migrations.RemoveIndex}:
        yield f"{_name(one)} locks a table: use AddIndexOnline or RemoveIndexOnline of cms/online.py."
    if isinstance(one, (migrations.AddField, migrations.AlterField)):
        yield from _field(one)
    if isinstance(one, migrations.AddConstraint):
        yield f"{_name(one)} looks at every row under a lock: add it NOT VALID, and validate it in another migration."
    if isinstance(one, (migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable)):
        yield f"{_name(one)} breaks the code that is still running: add the new one, and take the old one away later."


def _field(one: Any) -> Iterator[str]:
    field = one.field
    if isinstance(one, migrations.AddField) and not (field.null or field.has_db_default() or field.many_to_many):
        yield f"{_name(one)}: code that is still running does not fill it in: let it be null, or give it a db_default."
    if isinstance(one, migrations.AddField) and (
        field.unique or (field.db_index and not isinstance(field, models.ForeignKey))
    ):
        yield f"{_name(one)} makes an index under a lock: add the field first, then AddIndexOnline."
    if isinstance(one, migrations.AlterField):
        yield f"{_name(one)} may rewrite the table: add another field, fill it, and take the old one away later."


def _name(one: Any) -> str:
    return f"{type(one).__name__} {getattr(one, 'model_name', '')} {getattr(one, 'name', '') or ''}".strip()
