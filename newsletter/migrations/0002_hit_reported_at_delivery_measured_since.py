"""When a provider told us of a hit, and since when a delivery is measured again. Empty in what the running code makes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0001_initial")]

    operations = [
        migrations.AddField("hit", "reported_at", models.DateTimeField(null=True)),
        migrations.AddField("delivery", "measured_since", models.DateTimeField(editable=False, null=True)),
    ]
