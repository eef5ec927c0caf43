"""People of the staff, logged in."""

from django.contrib.auth.models import Group, Permission
from django.test import Client

from membership.staff import ADVISERS_GROUP, OFFICERS_GROUP
from tests.factories import UserFactory


def browser(*groups, permissions=()):
    """A browser logged in as somebody who may enter the admin, and has these groups and permissions."""
    user = UserFactory(first_name="Staff", last_name="Person")
    user.user_permissions.add(Permission.objects.get(codename="access_admin"))
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def officer():
    return browser(OFFICERS_GROUP)


def adviser():
    return browser(ADVISERS_GROUP)


def editor():
    return browser("Author", "Approver")
