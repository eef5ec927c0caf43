"""How editors manage the taxonomies in the Wagtail admin: one menu, four lists."""

from wagtail.snippets.views.snippets import SnippetViewSet, SnippetViewSetGroup

from cms.models import AgeGroup, Region, Sector, Topic


class TermViewSet(SnippetViewSet):
    list_display = ["name", "slug", "order"]
    ordering = ["order"]


class SectorViewSet(TermViewSet):
    model = Sector
    icon = "group"


class RegionViewSet(TermViewSet):
    model = Region
    icon = "site"


class TopicViewSet(TermViewSet):
    model = Topic
    icon = "tag"


class AgeGroupViewSet(TermViewSet):
    model = AgeGroup
    icon = "user"


class TaxonomyGroup(SnippetViewSetGroup):
    menu_label = "Taxonomies"
    menu_icon = "tag"
    menu_order = 400
    items = (SectorViewSet, RegionViewSet, TopicViewSet, AgeGroupViewSet)
