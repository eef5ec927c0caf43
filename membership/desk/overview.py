"""The overview of membership: where members stand, how their number grows, and where they work."""

from typing import Any

from django.utils import timezone

from membership import charts, growth
from membership.desk.pages import StaffPage


class OverviewPage(StaffPage):
    template_name = "membership/desk/overview.html"
    page_title = "Overview"
    header_icon = "grid"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        months = growth.growth(timezone.localdate())
        sectors, regions = growth.by_sector(), growth.by_region()
        return super().get_context_data(
            states=growth.by_state(),
            months=list(reversed(months)),
            growth_chart=charts.growth_chart(months),
            places=[
                (
                    "sectors",
                    "Sector",
                    "Members by sector",
                    charts.cell_chart("sectors", "Members by sector", sectors),
                    sectors,
                ),
                (
                    "regions",
                    "Region",
                    "Members by region",
                    charts.cell_chart("regions", "Members by region", regions),
                    regions,
                ),
            ],
            smallest=growth.SMALLEST_CELL,
            **kwargs,
        )
