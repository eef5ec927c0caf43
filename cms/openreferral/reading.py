"""A service of ours as an Open Referral UK record."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.utils import timezone

from cms.models import Service
from cms.open_data import clean_rich_text, entry_address, plain, rich_text_as_lines
from cms.openreferral.taxonomies import TAXONOMIES, part_id, site_id, term_record

DUE = "This entry is due to be checked again, so details may have changed."


def service_record(service: Service) -> dict[str, Any]:
    """The full record. `service` comes with its four taxonomies prefetched; nothing else is read.

    What is not known is left out: a service's area is words, so there are no locations and no co-ordinates.
    `ihop` holds our own words undivided, so that another hub of this kind can take the service over whole.
    """
    key = service.translation_key
    address = entry_address(service)
    body = rich_text_as_lines(service.body)
    changed = last_modified(service)
    record: dict[str, Any] = {
        "id": str(key),
        "name": plain(service.title),
        "description": "\n\n".join(part for part in (plain(service.summary), body) if part),
        "url": service.link or address,  # the UK profile wants one of every service
        "email": service.email,
        "status": "active",
        "fees": plain(service.cost),
        "fees_description": plain(service.cost),
        "application_process": plain(service.how_to_refer),
        "eligibility_description": plain(service.who_it_helps),
        "alert": DUE if service.is_stale() else "",
        "assured_date": service.assured_on.isoformat() if service.assured_on else None,
        "last_modified": changed.isoformat(timespec="milliseconds") if changed else None,
        "organization": _organisation(service),
        "phones": _phones(service, key),
        "contacts": _contacts(service, key),
        "schedules": _schedules(service, key),
        "service_areas": [
            {
                "id": part_id(key, "area"),
                "service_id": str(key),
                "name": plain(service.area),
                "extent": plain(service.area),
                "extent_type": "text",
            }
        ],
        "service_at_locations": [],
        "cost_options": _costs(service, key),
        "attributes": _attributes(service, key),
        "ihop": {
            "page": address,
            "summary": plain(service.summary),
            "body": clean_rich_text(service.body),
            "reader": service.reader,
            "evidence": service.evidence,
        },
    }
    return {name: value for name, value in record.items() if value not in ("", None)}


def last_modified(service: Service) -> datetime | None:
    """When the record last changed: when the entry was published or, if that was later, confirmed.

    Of a confirmation we know the day, which begins at midnight in London. `modified_after` asks the same of many.
    """
    checked = service.assured_on
    confirmed = timezone.make_aware(datetime.combine(checked, time.min)) if checked else None
    known = [moment for moment in (service.last_published_at, service.first_published_at, confirmed) if moment]
    return max(known, default=None)


def _organisation(service: Service) -> dict[str, Any] | None:
    """Who offers it. Organisations have no page of their own: one of the same name is the same one."""
    name = plain(service.publisher)
    if not name:
        return None
    return {"id": site_id(f"organization:{name.casefold()}"), "name": name, "description": name}


def _phones(service: Service, key: UUID) -> list[dict[str, Any]]:
    number = plain(service.phone)
    return [{"id": part_id(key, "phone"), "service_id": str(key), "number": number}] if number else []


def _contacts(service: Service, key: UUID) -> list[dict[str, Any]]:
    """How to reach it: the organisation, never a person. Who confirms the entry is nobody's business."""
    if not (service.phone or service.email):
        return []
    contact = {
        "id": part_id(key, "contact"),
        "service_id": str(key),
        "name": plain(service.publisher),
        "email": service.email,
        "phones": [{"id": part_id(key, "contact-phone"), "number": plain(service.phone)}] if service.phone else [],
    }
    return [{name: value for name, value in contact.items() if value != ""}]


def _schedules(service: Service, key: UUID) -> list[dict[str, Any]]:
    """Opening hours in the service's words: a recurrence rule would be a guess."""
    hours = plain(service.opening_hours)
    return [{"id": part_id(key, "hours"), "service_id": str(key), "description": hours}] if hours else []


def _costs(service: Service, key: UUID) -> list[dict[str, Any]]:
    cost = plain(service.cost)
    if not cost:
        return []
    option: dict[str, Any] = {"id": part_id(key, "cost"), "service_id": str(key), "amount_description": cost}
    if cost.lower().rstrip(".") == "free":
        option |= {"amount": 0, "currency": "GBP"}
    return [option]


def _attributes(service: Service, key: UUID) -> list[dict[str, Any]]:
    found = []
    for taxonomy in TAXONOMIES:
        for term in getattr(service, taxonomy.field).all():
            record = term_record(taxonomy, term)
            found.append(
                {
                    "id": part_id(key, f"{taxonomy.facet}:{term.slug}"),
                    "link_id": str(key),
                    "link_type": taxonomy.facet,
                    "link_entity": "service",
                    "taxonomy_term_id": record["id"],
                    "taxonomy_term": record,
                }
            )
    return found
