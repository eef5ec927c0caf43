"""What every installation starts with: the taxonomies' words, the Members group, home, directory and consortia."""

from django.conf import settings
from django.contrib.auth.models import Group
from wagtail.models import Locale, Page, Site

from cms.groups import MEMBERS_GROUP
from cms.models import AgeGroup, ConsortiaPage, DirectoryPage, HomePage, Region, Sector, Topic
from cms.standard_pages import fill_pages

SECTORS = [
    ("prisons", "Prisons", "Prisons and young-offender institutions"),
    ("probation", "Probation", "Probation and rehabilitation"),
    ("police-courts", "Police and courts", "Police and courts"),
    ("health", "Health", "Health"),
    ("early-years", "Early years", "Early years"),
    ("schools", "Schools", "Schools and education"),
    ("social-care", "Social care", "Children’s social care and local authorities"),
    ("voluntary", "Voluntary sector", "Voluntary and community sector"),
    ("policy-research", "Policy and research", "Policy, research and commissioning"),
]
REGIONS = [
    ("north-east", "North East"),
    ("north-west", "North West"),
    ("yorkshire-humber", "Yorkshire and the Humber"),
    ("east-midlands", "East Midlands"),
    ("west-midlands", "West Midlands"),
    ("east-of-england", "East of England"),
    ("london", "London"),
    ("south-east", "South East"),
    ("south-west", "South West"),
]
TOPICS = [
    ("visits", "Visits and contact"),
    ("parenting", "Parenting"),
    ("separation-loss", "Separation and loss"),
    ("mental-health", "Mental health"),
    ("money-housing", "Money and housing"),
    ("drugs-alcohol", "Drugs and alcohol"),
    ("arrest-court", "Arrest and court"),
    ("resettlement", "Resettlement"),
    ("identification", "Identifying families"),
    ("information-sharing", "Information sharing"),
    ("learning", "Learning and schools"),
    ("kinship-care", "Kinship care"),
    ("mothers-in-prison", "Mothers in prison"),
    ("babies", "Babies and under-threes"),
    ("young-people", "Young people"),
    ("stigma", "Stigma"),
]
AGE_GROUPS = [
    ("under-3", "Under 3"),
    ("3-to-4", "3 to 4"),
    ("5-to-10", "5 to 10"),
    ("11-to-15", "11 to 15"),
    ("16-to-25", "16 to 25"),
]


def ensure_site() -> None:
    """Create whatever of it is missing. A taxonomy that holds any word is left to its editors, and so are the texts of
    an installation that has its front page."""
    new_installation = not HomePage.objects.exists()
    Group.objects.get_or_create(name=MEMBERS_GROUP)
    if not Sector.objects.exists():
        Sector.objects.bulk_create(
            Sector(slug=slug, short_name=short, name=name, order=place)
            for place, (slug, short, name) in enumerate(SECTORS, start=1)
        )
    for model, words in ((Region, REGIONS), (Topic, TOPICS), (AgeGroup, AGE_GROUPS)):
        if not model._default_manager.exists():
            model._default_manager.bulk_create(
                model(slug=slug, name=name, order=place) for place, (slug, name) in enumerate(words, start=1)
            )
    directory_page()
    consortia = consortia_page()
    if new_installation:
        fill_pages(home_page(), consortia)


def home_page() -> HomePage:
    """The site's front page, made (with the root page and the default site) when there is none yet."""
    home = HomePage.objects.first()
    if home:
        return home
    if not Locale.objects.exists():
        Locale.objects.create(language_code=settings.LANGUAGE_CODE)
    root = Page.get_first_root_node() or Page.add_root(instance=Page(title="Root", slug="root"))
    for welcome in root.get_children().exact_type(Page):  # Wagtail's own placeholder
        welcome.delete()
    root.refresh_from_db()
    home = root.add_child(instance=HomePage(title=settings.SITE_NAME, slug="home", show_in_menus=True))
    Site.objects.update_or_create(
        is_default_site=True,
        defaults={"hostname": "localhost", "port": 80, "site_name": settings.SITE_NAME, "root_page": home},
    )
    return home


def directory_page() -> DirectoryPage:
    """The directory's own page, made when there is none yet."""
    existing = DirectoryPage.objects.first()
    if existing:
        return existing
    page: DirectoryPage = home_page().add_child(
        instance=DirectoryPage(title="Directory", slug="directory", show_in_menus=True)
    )
    return page


def consortia_page() -> ConsortiaPage:
    """The page of consortia, made when there is none yet."""
    existing = ConsortiaPage.objects.first()
    if existing:
        return existing
    page: ConsortiaPage = home_page().add_child(
        instance=ConsortiaPage(title="Consortia", slug="consortia", show_in_menus=True)
    )
    return page
