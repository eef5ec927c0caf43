"""What editors decide once for every issue."""

from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, validate_email
from django.db import models
from django.forms import CheckboxSelectMultiple
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.contrib.settings.models import BaseGenericSetting, register_setting


@register_setting(icon="mail")
class NewsletterSettings(BaseGenericSetting):
    items_per_edition = models.PositiveSmallIntegerField(
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(40)],
        help_text="A reader gets at most this many items; the rest is “n more on the website”.",
    )
    compile_day = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text="The day of the month on which last month’s issue is compiled.",
    )
    announce_since = models.DateField(
        null=True,
        blank=True,
        help_text="Entries announced before this day are never put into an issue. Fill it in when the hub already "
        "holds a directory before the first e-news.",
    )

    send_day = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text="The day of the month on which an approved issue is sent, unless its approver says otherwise.",
    )
    send_hour = models.PositiveSmallIntegerField(
        default=9, validators=[MaxValueValidator(23)], help_text="The hour of that day, in London time: 9 is 9am."
    )
    sender = models.CharField(
        max_length=200,
        blank=True,
        help_text="Such as “i-HOP e-news <news@example.org>”. Empty: the address this installation was set up with. "
        "It must be of the same domain, for which mailboxes trust our provider.",
    )
    reply_to = models.EmailField(blank=True, help_text="Where answers go. Empty: to the sender.")
    told = models.ManyToManyField(
        "auth.Group",
        blank=True,
        related_name="+",
        help_text="Who hears by e-mail that an issue was compiled, has nothing in it, waits for approval, was sent or "
        "is in trouble. None: administrators and approvers.",
    )
    quiet_months = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(24)],
        help_text="The home page warns when a sector has had nothing of its own for so many months.",
    )

    counts_clicks = models.BooleanField(
        "count how often links are followed, without knowing by whom",
        default=False,
        help_text="Links then lead through our site, by an address that is the same for every reader. Off: only "
        "members who agreed have measured links.",
    )
    order_by_interest = models.BooleanField(
        "order new items by what their sectors followed before",
        default=False,
        help_text="When an issue is compiled, the kinds still take turns, but in each turn entries of a kind that the "
        "sectors they are for followed most come first. Off: as usual. You can always reorder by hand.",
    )

    panels = [
        MultiFieldPanel(
            [
                FieldPanel("compile_day"),
                FieldRowPanel([FieldPanel("send_day"), FieldPanel("send_hour")]),
            ],
            heading="When",
        ),
        MultiFieldPanel(
            [
                FieldPanel("items_per_edition"),
                FieldPanel("announce_since"),
                FieldPanel("quiet_months"),
                FieldPanel("order_by_interest"),
            ],
            heading="What",
        ),
        MultiFieldPanel([FieldPanel("counts_clicks")], heading="Measuring"),
        MultiFieldPanel([FieldPanel("sender"), FieldPanel("reply_to")], heading="From"),
        FieldPanel("told", widget=CheckboxSelectMultiple, heading="Who is told"),
    ]

    class Meta:
        verbose_name = "E-news settings"

    def clean(self) -> None:
        super().clean()
        if self.sender:
            self._check_sender()

    def _check_sender(self) -> None:
        address = parseaddr(self.sender)[1]
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError({"sender": "Write it as: i-HOP e-news <news@example.org>"}) from None
        ours = parseaddr(settings.NEWS_FROM)[1].rpartition("@")[2].lower()
        if address.rpartition("@")[2].lower() != ours:
            raise ValidationError({"sender": f"The address must end in @{ours}: our provider may send for no other."})
        if any(ord(one) < 32 for one in self.sender):
            raise ValidationError({"sender": "The sender must be one line of visible characters."})
