"""The index that `hit_to_judge` takes the place of. Code that is still running judges without it, a little slower."""

from django.db import migrations

from cms.online import RemoveIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("newsletter", "0003_hit_to_judge")]

    operations = [RemoveIndexOnline("hit", "hit_not_judged")]
