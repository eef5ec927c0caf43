"""What waits to be judged, by when we came to know of it."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from cms.online import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("newsletter", "0002_hit_reported_at_delivery_measured_since")]

    operations = [
        AddIndexOnline(
            "hit", models.Index(Coalesce("reported_at", "at"), condition=models.Q(verdict=""), name="hit_to_judge")
        ),
    ]
