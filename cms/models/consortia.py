"""The consortia directory: `/consortia/` explains what a consortium is and lists those there are."""

from typing import Any

from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q
from django.forms import CheckboxSelectMultiple
from modelcluster.fields import ParentalManyToManyField
from wagtail.admin.panels import FieldPanel, MultiFieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page
from wagtail.query import PageQuerySet

from cms.models.taxonomies import Region
from cms.open_data import closed_paths

PER_PAGE = 24
TEXT_FEATURES = ["h2", "h3", "bold", "italic", "ol", "ul", "link", "document-link"]


class ConsortiaPage(Page):
    """`/consortia/`: what a consortium is, and the list."""

    introduction = RichTextField(blank=True, features=["bold", "link"])
    body = RichTextField("what is a consortium?", blank=True, features=TEXT_FEATURES)

    content_panels = [*Page.content_panels, FieldPanel("introduction"), FieldPanel("body")]
    max_count = 1
    parent_page_types = ["cms.HomePage"]
    subpage_types = ["cms.Consortium"]
    template = "cms/consortia.html"

    def get_context(self, request: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request, *args, **kwargs)
        regions = list(Region.objects.all())
        region = next((one for one in regions if one.slug == request.GET.get("region")), None)
        context["regions"], context["region"] = regions, region
        context["consortia"] = Paginator(self.listed(region), PER_PAGE).get_page(request.GET.get("page"))
        return context

    def listed(self, region: Region | None) -> PageQuerySet:
        """The live consortia by name: all, or those of a region and the national ones, with their regions.

        What editors put behind page privacy is in no list: it would say more than the page itself does.
        """
        found = Consortium.objects.child_of(self).live().prefetch_related("regions").order_by("title", "pk")
        for path in closed_paths():
            found = found.exclude(path__startswith=path)
        return found.filter(Q(regions=region) | Q(regions=None)) if region else found


class Consortium(Page):
    """One group of organisations that works together with offenders' families."""

    summary = models.TextField(max_length=300, help_text="One or two sentences: what do the partners do together?")
    body = RichTextField(blank=True, features=TEXT_FEATURES)
    regions = ParentalManyToManyField(
        "cms.Region", blank=True, related_name="consortia", help_text="Leave empty if it is national."
    )
    area = models.CharField("area covered", max_length=160, blank=True)
    lead_partner = models.CharField(max_length=120)
    partners = models.TextField(blank=True, help_text="One organisation on each line.")
    open_to_partners = models.BooleanField("open to new partners", default=False)
    link = models.URLField(blank=True)
    email = models.EmailField("e-mail", blank=True, help_text="An organisation's address, not a person's.")
    phone = models.CharField(max_length=40, blank=True)
    assured_on = models.DateField("last checked", null=True, blank=True)

    content_panels = [
        *Page.content_panels,
        FieldPanel("summary"),
        MultiFieldPanel(
            [
                FieldPanel("lead_partner"),
                FieldPanel("partners"),
                FieldPanel("open_to_partners"),
                FieldPanel("regions", widget=CheckboxSelectMultiple),
                FieldPanel("area"),
            ],
            heading="Who and where",
        ),
        FieldPanel("body"),
        MultiFieldPanel([FieldPanel("link"), FieldPanel("email"), FieldPanel("phone")], heading="How to reach it"),
        FieldPanel("assured_on"),
    ]
    parent_page_types = ["cms.ConsortiaPage"]
    subpage_types: list[str] = []
    template = "cms/consortium.html"

    class Meta:
        verbose_name_plural = "consortia"

    @property
    def partner_names(self) -> list[str]:
        return [line.strip() for line in self.partners.splitlines() if line.strip()]
